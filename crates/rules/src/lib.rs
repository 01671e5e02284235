//! The rules for what people enter: e-mail addresses, texts and passwords. The components and the commands of an operator
//! share them; nothing here knows of HTTP, Postgres or Spin.

pub mod email;
pub mod password;
pub mod text;
