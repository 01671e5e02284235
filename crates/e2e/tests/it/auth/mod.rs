//! /api/auth and the JWKS document.

mod forms;
mod jwks;
mod login;
mod register;
