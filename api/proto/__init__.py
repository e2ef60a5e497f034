"""The services as Protocol Buffers, and what generates their messages."""
