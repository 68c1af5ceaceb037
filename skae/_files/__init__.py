"""Fitted estimators as files that hold no code: plain values, arrays, a checksum."""
