"""Made from `api/proto` by `python -m api.proto.generate`; never edited."""
