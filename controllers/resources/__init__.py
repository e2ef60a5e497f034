"""What a thing is: the frozen specs of all resources, by domain.

Nothing here acts. `*Spec` is wanted, `*Status` is observed; a spec and its status are different types. Secrets are typed as
such, so that no log and no reader without the role sees them.
"""
