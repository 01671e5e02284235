//! /api/auth and the JWKS document.

mod jwks;
mod login;
mod register;
