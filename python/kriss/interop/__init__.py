"""Adapters to other libraries; each module is imported only by whoever wants it."""
