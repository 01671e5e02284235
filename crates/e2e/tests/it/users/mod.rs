//! /api/users.

mod me;
