"""HTTP manners (接口约定) that every edge shares: envelope, limits, wake-up calls."""
