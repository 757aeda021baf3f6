package milvus1

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// openMySQL connects to the server that holds the metadata.
func openMySQL(ctx context.Context, m *job.MySQL) (*catalog, error) {
	password, err := m.Password.Resolve()
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
	config.User, config.Passwd, config.DBName = m.User, password, m.Database
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 10*time.Second, time.Minute, time.Minute
	config.Logger = &mysql.NopLogger{} // what it would print is in the errors
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "source.milvus1.mysql")
	}
	db := sql.OpenDB(connector)
	c := &catalog{place: fmt.Sprintf("MySQL server %s, database %s", config.Addr, m.Database), kind: mysqlKind, close: db.Close}
	// one snapshot of both tables
	return begin(ctx, db, c, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

// mysqlKind knows the server's error numbers; what has none is a matter of the connection.
func mysqlKind(err error) fault.Kind {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return fault.Unavailable
	}
	switch e.Number {
	case 1044, 1045, 1142, 1143, 1698: // access denied: to the database, the user, a table, a column, the user
		return fault.Denied
	case 1049, 1146: // no such database, no such table
		return fault.NotFound
	case 1054: // no such column
		return fault.Unsupported
	}
	return fault.Unavailable
}
