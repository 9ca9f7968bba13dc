//! Owns the settings that processes run with: overrides as they were read, documented defaults behind them. It must not
//! know which process reads when.

use crate::host::Settings;
use crate::mail::Name;
use crate::option_table::OPTIONS;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The settings as a process read them.
#[derive(Clone, Debug, Default)]
pub(crate) struct InForce {
    overrides: Arc<Settings>,
    /// Every option that has a value: its override, or else its documented default.
    values: FxHashMap<Name, Name>,
}

impl InForce {
    /// What these overrides come to.
    pub(crate) fn of(overrides: Settings) -> InForce {
        let defaults = OPTIONS.iter().filter_map(|o| Some((o.name.into(), o.default?.into())));
        let values = defaults.chain(overrides.iter().map(|(n, v)| (n.clone(), v.clone()))).collect();
        InForce { overrides: Arc::new(overrides), values }
    }

    /// The overrides alone.
    pub(crate) fn overrides(&self) -> &Arc<Settings> {
        &self.overrides
    }

    /// The value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|v| &**v)
    }
}
