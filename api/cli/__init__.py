"""`ophite`, the command line. Each verb is one file in `verbs/`, imported only when it is called."""
