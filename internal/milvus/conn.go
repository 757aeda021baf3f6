// Package milvus reads and writes collections on a Milvus server.
//
// The connection, and calls that the SDK passes through unchanged, are the SDK's (milvus-sdk-go). Where it hides what the
// server says (aliases and properties of a collection, load progress of a failed load) or sends again what must be sent
// once (Insert), the raw service of the same connection is called.
package milvus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	grpc_retry "github.com/grpc-ecosystem/go-grpc-middleware/retry"
	"github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"milvusdm/internal/access"
	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// conn is a connection to one database of a server.
type conn struct {
	sdk     *client.GrpcClient
	raw     milvuspb.MilvusServiceClient
	address string // host:port
	// database is never empty: the server's default is named.
	database string
	version  string
	throttle *throttle
	limit    job.Limit // the job's own
	loggedIn bool
	quota    *quota
	release  func() // of throttle
}

// maxMessage is the server's own limit of a message, and ours of an answer.
const maxMessage = 64 << 20

// connect is connectTo for a target.
func connect(ctx context.Context, s job.MilvusServer) (*conn, error) {
	return connectTo(ctx, "target.milvus", s)
}

// connectTo dials the server and logs in, waiting for it for at most the job's connect timeout. key is where the job has s.
func connectTo(ctx context.Context, key string, s job.MilvusServer) (*conn, error) {
	cfg, err := config(key, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.ConnectTimeout)
	defer cancel()
	c := &conn{address: s.Address, database: cfg.DBName, limit: s.Limit, quota: &quota{},
		loggedIn: cfg.Username != "" || cfg.APIKey != ""}
	// the SDK forgets a connection over which it can't log in
	var dialled *grpc.ClientConn
	cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
		cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		dialled = cc
		return invoke(ctx, method, req, reply, cc, opts...)
	}, inDatabase(c.database), c.quota.intercept))
	ctx, wrong := watchAddress(ctx, key, s)
	cl, err := client.NewClient(ctx, cfg)
	if err != nil {
		if dialled != nil {
			err = errors.Join(err, dialled.Close())
		}
		if e := wrong(); e != nil {
			return nil, fault.Wrap(fault.Config, e, "connect to Milvus at %s", s.Address)
		}
		if s.TLS != nil && s.TLS.Cert == "" && !strings.Contains(err.Error(), "x509") && !strings.Contains(err.Error(), "auth check") {
			// some servers only hang up
			err = fmt.Errorf("%w (if the server wants a certificate of its clients, write %s.tls.cert and key)", err, key)
		}
		if kind := kindOf(err); kind != fault.Internal {
			return nil, fault.Wrap(kind, err, "connect to Milvus at %s", s.Address)
		}
		return nil, fault.Wrap(connectKind(err), err, "connect to Milvus at %s", s.Address)
	}
	c.sdk = cl.(*client.GrpcClient)
	c.raw = c.sdk.Service
	c.throttle, c.release = throttleOf(s.Address, s.Limit)
	c.version, err = c.sdk.GetVersion(ctx)
	switch {
	case status.Code(err) == codes.Unimplemented && !strings.Contains(err.Error(), "unknown service"): // milvus-lite's first form
		c.version, err = "of unknown version", nil
	case err == nil:
		err = supported(c.version)
	}
	if status.Code(err) == codes.Unimplemented {
		err = fault.New(fault.Config, "%s, not Milvus; %s: %w", otherService(ctx, c.sdk.Conn), writeAddress, err)
	}
	if err != nil {
		return nil, wrap(errors.Join(err, c.close()), "Milvus at %s", s.Address)
	}
	return c, nil
}

// connectKind tells a refusal from a server that isn't there, by the words that the SDK leaves of the answer.
func connectKind(err error) fault.Kind {
	text := err.Error()
	switch {
	case strings.Contains(text, "auth check failure"), strings.Contains(text, "nauthenticated"), strings.Contains(text, "PermissionDenied"):
		return fault.Denied
	case strings.Contains(text, "database not found"):
		return fault.NotFound
	case strings.Contains(text, "x509"), strings.Contains(text, "tls:"):
		return fault.Denied
	}
	return fault.Unavailable
}

func (c *conn) close() error {
	c.release()
	return c.sdk.Close()
}

func config(key string, s job.MilvusServer) (client.Config, error) {
	cfg := client.Config{
		Address: s.Address, DBName: s.Database, Username: s.User,
		// a refused write is sent again by us, with a bound and a word about it
		RetryRateLimit: &client.RetryRateLimitOption{},
	}
	if cfg.DBName == "" {
		cfg.DBName = "default"
	}
	var err error
	if cfg.Password, err = s.Password.Resolve(); err != nil {
		return cfg, err
	}
	if cfg.APIKey, err = s.Token.Resolve(); err != nil {
		return cfg, err
	}
	cfg.DialOptions = []grpc.DialOption{
		grpc.WithBlock(),
		grpc.WithReturnConnectionError(), // else a dead server is only "deadline exceeded"
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		// the SDK would send a call again whose answer was lost; here only who knows what has become of it does
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc_retry.Disable()),
	}
	if s.TLS != nil {
		t, err := tlsConfig(key, s.TLS)
		if err != nil {
			return cfg, err
		}
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithTransportCredentials(credentials.NewTLS(t)))
	}
	return cfg, nil
}

func tlsConfig(key string, t *job.TLS) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault.New(fault.Config, "%s.tls.ca: %w (%s)", key, err, access.Here())
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Config, "%s.tls.ca: %s holds no PEM certificate", key, t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fault.New(fault.Config, "%s.tls.cert and key: %w (%s)", key, err, access.Here())
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

var versionNumber = regexp.MustCompile(`^v?(\d+)\.(\d+)`)

// supported refuses servers before 2.3, which know neither Upsert nor RenameCollection.
func supported(version string) error {
	m := versionNumber.FindStringSubmatch(version)
	if m == nil {
		return nil // a build of its own: its calls will tell
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < 2 || major == 2 && minor < 3 {
		return fault.New(fault.Unsupported, "version %s is too old: 2.3 or later is needed (for Upsert and RenameCollection)", version)
	}
	return nil
}

// lockID is the lock of a collection that is not there yet. Two names of one host are two locks: then the job that publishes second
// finds the other's collection in its place, and leaves it alone.
func lockID(address, database, collection string) string {
	return fmt.Sprintf("target/%s/%s/%s", hostPort(address), database, collection)
}

// hostPort is the same for every way to write a server's address.
func hostPort(address string) string {
	a := strings.ToLower(address)
	port := "19530"
	for scheme, p := range map[string]string{"tcp://": port, "http://": "80", "https://": "443"} {
		if rest, ok := strings.CutPrefix(a, scheme); ok {
			a, port = rest, p
		}
	}
	a, _, _ = strings.Cut(a, "/")
	host, p, err := net.SplitHostPort(a)
	if err != nil {
		host, p = a, port
	}
	if host == "localhost" || host == "::1" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, p)
}
