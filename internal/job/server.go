package job

import (
	"time"
)

// MilvusServer says how to reach a Milvus server.
type MilvusServer struct {
	// Address of the server: host:port, optionally behind tcp://, http:// or https:// (TLS).
	Address string `json:"address" yaml:"address" rule:"required,is=address"`
	// Database. Without it, the default one.
	Database string `json:"database,omitempty" yaml:"database" rule:"is=database"`
	// User to log in as, with a password.
	User string `json:"user,omitempty" yaml:"user" rule:"is=user,retunable"`
	// Password of the user, by reference.
	Password Secret `json:"password,omitzero" yaml:"password" rule:"retunable"`
	// Token or API key, by reference, instead of user and password.
	Token Secret `json:"token,omitzero" yaml:"token" rule:"retunable"`
	// TLS settings. Their presence turns TLS on.
	TLS *TLS `json:"tls,omitempty" yaml:"tls" rule:"retunable"`
	// What this program may ask of the server at most, over all jobs of a worker.
	Limit Limit `json:"limit,omitzero" yaml:"limit" rule:"retunable"`
	// How long the server may be away before the first write.
	ConnectTimeout time.Duration `json:"connectTimeout" yaml:"connect_timeout" rule:"min=1s,max=1h,default=30s,retunable"`
}

// Limit bounds what a worker asks of a server; 0 is no bound. The smallest of several jobs counts.
type Limit struct {
	// How many ranges of rows are read from it, or written to it, at once.
	Ranges int `json:"ranges,omitempty" yaml:"ranges" rule:"min=1,max=64"`
	// How many rows are read or written a second.
	RowsPerSecond int64 `json:"rowsPerSecond,omitempty" yaml:"rows_per_second" rule:"min=1"`
	// How many bytes are read or written a second.
	BytesPerSecond int64 `json:"bytesPerSecond,omitempty" yaml:"bytes_per_second" rule:"bytes,min=64KiB"`
}

// TLS holds the paths of PEM files on the worker's machine.
type TLS struct {
	// PEM file of the certificate authority. Without it, the system's.
	CA string `json:"ca,omitempty" yaml:"ca" rule:"is=path"`
	// PEM file of the client certificate.
	Cert string `json:"cert,omitempty" yaml:"cert" rule:"is=path"`
	// PEM file of the client certificate's key.
	Key string `json:"key,omitempty" yaml:"key" rule:"is=path"`
	// Name that the server's certificate must have. Without it, the address's host.
	ServerName string `json:"serverName,omitempty" yaml:"server_name"`
}
