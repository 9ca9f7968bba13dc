//! One host at its shell: services, settings, and the commands of the operating system.

mod services;
mod settings;
mod shell;
mod system;
