//! How many files and sockets the process may have open at once.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Fewer are too few for a gateway under load: a request takes two sockets.
const FEW: u64 = 4096;

/// The limit in force. See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenFiles {
    /// `None`: no limit.
    limit: Option<u64>,
    /// What it was at start.
    before: Option<u64>,
}

impl OpenFiles {
    /// Raises the soft limit as far as the hard one allows; shells and service
    /// managers set it low for programs that still use `select`.
    pub(super) fn raise() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = Rlimit {
            current: maximum,
            maximum,
        };
        // Fails where the kernel allows a process less than its hard limit.
        let raised = setrlimit(Resource::Nofile, wanted).is_ok();
        Self {
            limit: if raised { maximum } else { current },
            before: current,
        }
    }

    /// Returns the limit if it is too low for a gateway under load.
    pub(super) fn few(self) -> Option<u64> {
        self.limit.filter(|limit| *limit < FEW)
    }
}

impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.limit, self.before) {
            (None, _) => f.write_str("no limit"),
            (Some(limit), Some(before)) if before < limit => {
                write!(f, "up to {limit}, raised from {before}")
            }
            (Some(limit), _) => write!(f, "up to {limit}"),
        }
    }
}
