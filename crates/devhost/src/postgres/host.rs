//! The functions of the interface, each in its asynchronous and its synchronous form.
//!
//! The check of the address comes before the pool in all of them. (Spin's synchronous `build` has none: what it lets
//! through there, devhost does not.)

use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::rows::{self, Query};
use super::{Connection, ConnectionBuilder, pool};
use crate::bindings::spin::postgres::postgres::{self as wit, Column, Error, ParameterValue, Row, RowSet};
use crate::instance::State;

impl wit::Host for State {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl State {
    fn connection(&self, connection: &Resource<Connection>) -> Result<pool::Client, Error> {
        match self.table.get(connection) {
            Ok(Connection(client)) => Ok(client.clone()),
            Err(_) => Err(Error::ConnectionFailed("no connection found".to_owned())),
        }
    }

    fn address(&self, builder: &Resource<ConnectionBuilder>) -> Result<String, Error> {
        match self.table.get(builder) {
            Ok(builder) => Ok(builder.address.clone()),
            Err(_) => Err(Error::ConnectionFailed("no builder found".to_owned())),
        }
    }

    fn keep(&mut self, client: pool::Client) -> Result<Resource<Connection>, Error> {
        self.table.push(Connection(client)).map_err(|_| Error::ConnectionFailed("too many connections".to_owned()))
    }
}

impl wit::HostConnection for State {
    async fn open(&mut self, address: String) -> Result<Resource<Connection>, Error> {
        pool::check(&self.allowed_hosts, &address)?;
        let client = self.component.pools.client(&address).await?;
        self.keep(client)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        rows::execute(&self.connection(&connection)?, &statement, &parameters).await
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<RowSet, Error> {
        Query::start(&self.connection(&connection)?, &statement, &parameters).await?.collect().await
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> wit::HostConnectionWithStore<T> for HasSelf<State> {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Result<Resource<Connection>, Error> {
        open(accessor, &address).await
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let client = accessor.with(|mut access| access.get().connection(&connection))?;
        rows::execute(&client, &statement, &parameters).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, StreamReader<Row>, FutureReader<Result<(), Error>>), Error> {
        let client = accessor.with(|mut access| access.get().connection(&connection))?;
        let stream = Query::start(&client, &statement, &parameters).await?.stream().await;
        let readers = accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, stream.rows)?;
            let end = FutureReader::new(&mut access, stream.end)?;
            wasmtime::error::Ok((rows, end))
        });
        let (rows, end) = readers.map_err(|error| Error::Other(error.to_string()))?;
        Ok((stream.columns, rows, end))
    }
}

impl wit::HostConnectionBuilder for State {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        Ok(self.table.push(ConnectionBuilder { address })?)
    }

    async fn set_ca_root(&mut self, _: Resource<ConnectionBuilder>, _: String) -> Result<(), Error> {
        Err(Error::Other("devhost has no TLS to Postgres: a root certificate has no use".to_owned()))
    }

    async fn build(&mut self, builder: Resource<ConnectionBuilder>) -> Result<Resource<Connection>, Error> {
        let address = self.address(&builder)?;
        wit::HostConnection::open(self, address).await
    }

    async fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl<T: Send> wit::HostConnectionBuilderWithStore<T> for HasSelf<State> {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        builder: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let address = accessor.with(|mut access| access.get().address(&builder))?;
        open(accessor, &address).await
    }
}

/// The state of the instance is borrowed for a moment only: its other requests go on while this one waits for a
/// session.
async fn open<T>(accessor: &Accessor<T, HasSelf<State>>, address: &str) -> Result<Resource<Connection>, Error> {
    let (component, allowed_hosts) = accessor.with(|mut access| {
        let state = access.get();
        (state.component.clone(), state.allowed_hosts.clone())
    });
    pool::check(&allowed_hosts, address)?;
    let client = component.pools.client(address).await?;
    accessor.with(|mut access| access.get().keep(client))
}
