"""Public helpers for testing numerical code: galleries, backward errors, references."""
