//! Running a statement, and bringing its rows to the guest.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{StreamExt, TryStreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::RowStream;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult};

use super::error::{query_failed, query_failed_with};
use super::{parameters, pool, values};
use crate::bindings::spin::postgres::postgres::{Column, Error, ParameterValue, Row, RowSet};

/// What a row (of a stream) or all rows (of a row set) may be worth, in bytes.
const LARGEST: usize = 128 << 20;

/// Rows that are read ahead of the guest.
const READ_AHEAD: usize = 4;

/// Runs a statement and counts the rows that it changed.
pub(super) async fn execute(
    client: &pool::Client,
    statement: &str,
    parameters: &[ParameterValue],
) -> Result<u64, Error> {
    let parameters = parameters::to_sql(parameters).map_err(Error::ValueConversionFailed)?;
    // The statement is prepared anew at every call, here and below: one more round trip, as in Spin.
    client.execute_raw(statement, parameters).await.map_err(|error| query_failed(&error))
}

/// A statement that Postgres has accepted, before its first row.
pub(super) struct Query(Pin<Box<RowStream>>);

/// The rows of a query on their way to a guest.
pub(super) struct QueryStream {
    /// Empty if there are no rows.
    pub(super) columns: Vec<Column>,
    /// The rows.
    pub(super) rows: RowProducer,
    /// Whether they were all of them.
    pub(super) end: oneshot::Receiver<Result<(), Error>>,
}

impl Query {
    /// Prepares the statement and binds its parameters; what fails later shows while the rows are read.
    pub(super) async fn start(
        client: &pool::Client,
        statement: &str,
        parameters: &[ParameterValue],
    ) -> Result<Self, Error> {
        let parameters = parameters::to_sql(parameters).map_err(Error::BadParameter)?;
        client
            .query_raw(statement, parameters)
            .await
            .map(|rows| Self(Box::pin(rows)))
            .map_err(|error| query_failed(&error))
    }

    /// All rows at once. (Spin's waits for ever if there are none.)
    pub(super) async fn collect(mut self) -> Result<RowSet, Error> {
        let mut set = RowSet { columns: Vec::new(), rows: Vec::new() };
        let mut size = size_of::<RowSet>();
        while let Some(row) = self.0.try_next().await.map_err(|error| debug_text(query_failed(&error)))? {
            if set.rows.is_empty() {
                set.columns = values::columns(&row);
            }
            let row = values::row(&row).map_err(debug_text)?;
            size += values::size(&row);
            if size > LARGEST {
                return Err(query_failed_with(format!("query result exceeds limit of {LARGEST} bytes")));
            }
            set.rows.push(row);
        }
        Ok(set)
    }

    /// The rows one after another. Returns with the first one, whose columns are those of the query.
    pub(super) async fn stream(self) -> QueryStream {
        let (columns_sender, columns) = oneshot::channel();
        let (row_sender, rows) = mpsc::channel(READ_AHEAD);
        let (end_sender, end) = oneshot::channel();
        tokio::spawn(async move {
            let _ = end_sender.send(self.pump(columns_sender, row_sender).await);
        });
        QueryStream { columns: columns.await.unwrap_or_default(), rows: RowProducer(rows), end }
    }

    /// A guest that no longer reads ends the query.
    async fn pump(mut self, columns: oneshot::Sender<Vec<Column>>, rows: mpsc::Sender<Row>) -> Result<(), Error> {
        let mut columns = Some(columns);
        loop {
            let row = tokio::select! {
                biased;
                () = rows.closed() => return Ok(()),
                row = self.0.next() => row,
            };
            let Some(row) = row else { return Ok(()) };
            let row = row.map_err(|error| query_failed(&error))?;
            if let Some(columns) = columns.take() {
                let _ = columns.send(values::columns(&row));
            }
            let row = values::row(&row)?;
            if values::size(&row) > LARGEST {
                return Err(query_failed_with(format!("query result exceeds limit of {LARGEST} bytes")));
            }
            rows.send(row).await.map_err(|error| query_failed_with(format!("async error: {error}")))?;
        }
    }
}

/// An error while all rows are read at once reaches the guest as text, even one that has parts.
fn debug_text(error: Error) -> Error {
    query_failed_with(format!("{error:?}"))
}

/// Hands one row at a time to the guest.
pub(super) struct RowProducer(mpsc::Receiver<Row>);

impl<D> StreamProducer<D> for RowProducer {
    type Item = Row;
    type Buffer = Option<Row>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // The guest asks whether there is something to read, without reading it.
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.get_mut().0.poll_recv(context) {
            Poll::Ready(Some(row)) => {
                destination.set_buffer(Some(row));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}
