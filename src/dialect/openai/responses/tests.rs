mod answers;
pub(crate) mod asked;
mod echo;
mod requests;
