//! Owns the procedure: a table of steps and a file a step. It must not know in which order groups take their turns.

pub mod addressees;
pub mod calibrate;
pub mod copying;
pub mod late_mail;
pub mod people;
pub mod published;
pub mod qm_session;
pub mod settings;
pub mod snapshot;
pub mod step_01_backup_groups;
pub mod step_02_log_out;
pub mod step_03_caches;
pub mod step_04_ready;
pub mod step_05_hold;
pub mod step_06_queues;
pub mod step_07_mail_host;
pub mod step_08_move_data;
pub mod step_09_dns;
pub mod step_10_status_back;
pub mod step_11_release;
pub mod step_12_settings_back;
pub mod step_13_clients;
pub mod step_14_late_mail;
pub mod step_15_relinker;
pub mod step_16_remove_old;
pub mod table;
