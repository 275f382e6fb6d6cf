"""The telecom intake desk (电信客服受理台)."""
