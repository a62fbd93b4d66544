//! `state_changes`: one row for everything that happened to a container.

use std::ops::ControlFlow;

use model::container::StateChange;
use store::{Reader, RowScan, STATE_CHANGE};

use super::{Bounds, Column, Table, Value};

pub(crate) struct StateChanges;

impl Table for StateChanges {
    type Row<'r> = StateChange;
    const NAME: &'static str = "state_changes";
    const DESCRIPTION: &'static str =
        "One row for everything that happened to a container: it started, stopped, ran out of memory.";
    const COLUMNS: &'static [Column<StateChanges>] = &[
        Column::new("time", "when it happened", Value::Time(|change| Some(change.time_us))),
        Column::new("cluster", "of the task", Value::Text(|change| Some(change.cluster.as_str().into()))),
        Column::new("service", "of the task, where it has one", Value::Text(|change| change.service.as_deref().map(Into::into))),
        Column::new("family", "of the task's definition", Value::Text(|change| Some(change.family.as_str().into()))),
        Column::new("task", "its id", Value::Text(|change| Some(change.task.as_str().into()))),
        Column::new("container", "its name in the task", Value::Text(|change| Some(change.container.as_str().into()))),
        Column::new("container_id", "as the engine calls it", Value::Text(|change| Some(change.container_id.as_str().into()))),
        Column::new(
            "change",
            "DEPLOYED, STARTED, RESTARTED, STOPPED, OUT_OF_MEMORY, HEALTHY or UNHEALTHY",
            Value::Text(|change| Some(change.change.as_str().into())),
        ),
        Column::new("exit_code", "of what stopped", Value::Whole(|change| change.exit_code)),
        Column::new("reason", "in words", Value::Text(|change| change.reason.as_deref().map(Into::into))),
        Column::new(
            "account",
            "of another account than the server's own, as in 111122223333/us-east-1",
            Value::Text(|change| change.owner.as_ref().map(|owner| owner.as_str().into())),
        ),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&StateChange) -> ControlFlow<()>) -> Result<(), store::Error> {
        let scan = RowScan { from_us: bounds.from_us, to_us: bounds.to_us, equal: Vec::new() };
        reader.rows(&STATE_CHANGE, &scan, &mut |batch| store::state_changes(&batch).iter().try_for_each(&mut *emit))
    }
}
