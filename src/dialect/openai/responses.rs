//! Responses, for providers that know chat only.
