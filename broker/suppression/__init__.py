"""Opt-outs, complaints, hard bounces, advertisers' hashed files."""
