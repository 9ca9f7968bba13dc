//! What an export of a real size comes to, and what is refused.
