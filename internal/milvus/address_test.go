package milvus

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

// TestWrongAddressesAreNamed: within 5 s, whatever the job's connect_timeout.
func TestWrongAddressesAreNamed(t *testing.T) {
	web := httptest.NewServer(webPage("<title>Temporal UI</title>"))
	t.Cleanup(web.Close)
	metrics := httptest.NewServer(webPage("milvus_proxy_x 1"))
	t.Cleanup(metrics.Close)
	secureWeb := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secureWeb.Close)
	plain := startRecorder(t).address
	secure := grpcListener(t, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: secureWeb.TLS.Certificates})))
	temporal := grpcListener(t, foreign("/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo"))
	etcd := grpcListener(t, foreign("/etcdserverpb.Maintenance/Status"))
	first := grpcListener(t, foreign("/milvus.grpc.MilvusService/Cmd"))
	nobody := grpcListener(t)
	ssh := rawListener(t, "SSH-2.0-OpenSSH_9.2\r\n")
	for name, c := range map[string]struct {
		address string
		tls     bool
		says    string
	}{
		"a web interface":     {web.Listener.Addr().String(), false, "Temporal's web interface listens there"},
		"metrics":             {metrics.Listener.Addr().String(), false, "Milvus's port for metrics listens there"},
		"TLS to plain":        {plain, true, "leave out target.milvus.tls"},
		"plain to TLS":        {secure, false, "write target.milvus.tls"},
		"plain to HTTPS":      {secureWeb.Listener.Addr().String(), false, "write target.milvus.tls"},
		"TLS to a web server": {web.Listener.Addr().String(), true, "leave out target.milvus.tls"},
		"Temporal":            {temporal, false, "Temporal listens there, not Milvus"},
		"etcd":                {etcd, false, "etcd listens there, not Milvus"},
		"Milvus 1.x":          {first, false, "Milvus 1.x listens there, not Milvus"},
		"any gRPC":            {nobody, false, "another gRPC server listens there"},
		"SSH":                 {ssh, false, `is not gRPC (it says "SSH-2.0`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := job.MilvusServer{Address: c.address, ConnectTimeout: 30 * time.Second}
			if c.tls {
				server.TLS = &job.TLS{}
			}
			begin := time.Now()
			got, err := connect(context.Background(), server)
			if err == nil {
				t.Fatal("connected", got.close())
			}
			if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", fault.KindOf(err), err)
			}
			if d := time.Since(begin); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestSilentServersAreWaitedFor: one that refuses connections, or does not answer yet, may still be starting.
func TestSilentServersAreWaitedFor(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{down, rawListener(t, "")} {
		_, err := connect(context.Background(), job.MilvusServer{Address: address, ConnectTimeout: 2 * time.Second})
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func grpcListener(t *testing.T, options ...grpc.ServerOption) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	go func() { _ = server.Serve(l) }() // until it is stopped
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

// foreign is a server that knows one method.
func foreign(method string) grpc.ServerOption {
	return grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		called, _ := grpc.MethodFromServerStream(stream)
		if called == method {
			return nil // that it sends no answer does not matter
		}
		return status.Errorf(codes.Unimplemented, "unknown service %s", path.Dir(called)[1:])
	})
}

// rawListener says some words to whoever connects, and keeps the connection.
func rawListener(t *testing.T, words string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(words))
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// webPage is a web server that answers everything with a text.
func webPage(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
}
