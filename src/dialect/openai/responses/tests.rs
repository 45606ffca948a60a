mod answers;
pub(crate) mod asked;
mod requests;
