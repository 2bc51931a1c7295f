"""What every page shares: session, form tokens, language, headers, replies to refusals."""
