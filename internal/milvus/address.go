package milvus

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
)

const (
	// suspicious is how long a connection takes before it is asked what listens there.
	suspicious = 1500 * time.Millisecond
	// probeTimeout is how long each question to what listens there may take.
	probeTimeout = time.Second
)

// watchAddress has the context end when what listens at the server's address turns out to be something that never becomes
// Milvus. wrong then says what it is, and else nil; it ends the watch.
func watchAddress(ctx context.Context, key string, s job.MilvusServer) (watched context.Context, wrong func() error) {
	watched, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	found := make(chan error, 1)
	go func() {
		defer close(found)
		for {
			select {
			case <-ended:
				return
			case <-ctx.Done():
				return
			case <-time.After(suspicious):
			}
			if err := listener(watched, key, s); err != nil {
				found <- err
				cancel(err)
				return
			}
		}
	}()
	return watched, func() error {
		close(ended)
		if err := <-found; err != nil {
			return err
		}
		probe, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*probeTimeout)
		defer cancel()
		return listener(probe, key, s)
	}
}

const writeAddress = "write the address of Milvus (its port is 19530 unless configured)"

// http2Preface is what a client of gRPC says first, with empty settings.
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// listener says what is wrong with the server's address: that something listens there that is no gRPC server, or speaks
// TLS where the job does not, or the other way round. It is nil where nothing listens, and where a gRPC server may.
func listener(ctx context.Context, key string, s job.MilvusServer) error {
	address := hostPort(s.Address)
	secure := s.TLS != nil || strings.HasPrefix(strings.ToLower(s.Address), "https://")
	conn, err := dialProbe(ctx, address)
	if err != nil {
		return nil
	}
	defer conn.Close()
	if secure {
		var plain tls.RecordHeaderError
		if err := handshake(ctx, conn); errors.As(err, &plain) {
			return fault.New(fault.Config, "the server does not use TLS; leave out %s.tls, and https:// in the address", key)
		}
		return nil // whatever else TLS is about, the connection says
	}
	said := exchange(conn, http2Preface)
	switch {
	case len(said) == 0:
		if speaksTLS(ctx, address) {
			return wantsTLS(key)
		}
		return nil
	case len(said) >= 4 && said[3] == 4: // the type of a SETTINGS frame
		return nil
	case bytes.HasPrefix(said, []byte{0x15, 3}), bytes.Contains(said, []byte("HTTPS")): // TLS's alert, or a web server's
		return wantsTLS(key)
	case bytes.HasPrefix(said, []byte("HTTP/1.")):
		return fault.New(fault.Config, "%s listens there, and not Milvus's gRPC; %s", webServer(ctx, address), writeAddress)
	}
	return fault.New(fault.Config, "what listens there is not gRPC (it says %.40q); %s", said, writeAddress)
}

func wantsTLS(key string) error {
	return fault.New(fault.Config, "the server wants TLS; write %s.tls: {ca: FILE}, with the certificate of the authority "+
		"that signed the server's; or https:// before the address, where the system knows that authority", key)
}

func dialProbe(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: probeTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(probeTimeout))
}

// exchange says something and returns what is answered, as much as comes at once.
func exchange(conn net.Conn, words string) []byte {
	if _, err := io.WriteString(conn, words); err != nil {
		return nil
	}
	buf := make([]byte, 1024)
	n, _ := io.ReadAtLeast(conn, buf, 9) // what came before an error counts
	return buf[:n]
}

func handshake(ctx context.Context, conn net.Conn) error {
	//nolint:gosec // it is asked whether TLS is spoken, not with whom; nothing is sent
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}).HandshakeContext(ctx)
}

func speaksTLS(ctx context.Context, address string) bool {
	conn, err := dialProbe(ctx, address)
	if err != nil {
		return false
	}
	defer conn.Close()
	err = handshake(ctx, conn)
	var alert tls.AlertError
	return err == nil || errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls")
}

// webServer names what answers HTTP at the address.
func webServer(ctx context.Context, address string) string {
	client := http.Client{Timeout: probeTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(path string) (server, body string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return "", ""
		}
		resp, err := client.Do(req)
		if err != nil {
			return "", ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // as much as came
		return resp.Header.Get("Server"), string(text)
	}
	server, body := ask("/")
	switch {
	case strings.Contains(strings.ToLower(body), "temporal"):
		return "Temporal's web interface"
	case strings.Contains(server, "MinIO"):
		return "MinIO"
	}
	if _, metrics := ask("/metrics"); strings.Contains(metrics, "milvus_") {
		return "Milvus's port for metrics"
	}
	return strings.TrimSpace("a web server " + cmp.Or(fmt.Sprintf("(%.40s)", server), ""))
}

// otherServices are what people mistake for Milvus, each with a method that it alone knows.
var otherServices = []struct{ name, method string }{
	{"Temporal", "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo"},
	{"etcd", "/etcdserverpb.Maintenance/Status"},
	{"Milvus 1.x", "/milvus.grpc.MilvusService/Cmd"},
	{"Milvus's internal root coordinator", "/milvus.proto.rootcoord.RootCoord/GetComponentStates"},
	{"Milvus's internal data coordinator", "/milvus.proto.data.DataCoord/GetComponentStates"},
	{"Milvus's internal query coordinator", "/milvus.proto.query.QueryCoord/GetComponentStates"},
	{"Milvus's internal proxy", "/milvus.proto.proxy.Proxy/GetComponentStates"},
}

// otherService names the gRPC server that does not know Milvus's service.
func otherService(ctx context.Context, conn *grpc.ClientConn) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, s := range otherServices {
		if err := conn.Invoke(ctx, s.method, &emptypb.Empty{}, &emptypb.Empty{}); err == nil || !unknown(err) {
			return s.name + " listens there"
		}
	}
	return "another gRPC server listens there"
}

func unknown(err error) bool {
	switch status.Code(err) {
	case codes.Unimplemented, codes.DeadlineExceeded, codes.Unavailable, codes.Canceled:
		return true
	}
	return false
}
