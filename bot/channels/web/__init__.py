"""The web channel (网页渠道): the customer page, its API and its live stream."""
