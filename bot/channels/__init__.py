"""The channels (渠道): one adapter each: verify, parse, send."""
