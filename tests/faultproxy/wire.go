package faultproxy

import (
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc/mem"
)

// rawMessage is a message as it came over the wire.
type rawMessage []byte

// rawCodec passes messages through. Its name is empty because Milvus 2.3 refuses any content type but application/grpc,
// and a name would be appended to that.
type rawCodec struct{}

func (rawCodec) Name() string { return "" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(rawMessage)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not a raw message", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(m)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*rawMessage)
	if !ok {
		return fmt.Errorf("unmarshal into %T: not a raw message", v)
	}
	*m = data.Materialize()
	return nil
}

// listener knows its open connections by the client's address, so that one can be reset.
type listener struct {
	net.Listener
	mu    sync.Mutex
	conns map[string]*net.TCPConn
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	client := conn.RemoteAddr().String()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[client] = conn.(*net.TCPConn)
	return &trackedConn{conn, func() { l.forget(client) }}, nil
}

func (l *listener) forget(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, client)
}

// reset ends the client's connection with a TCP RST. It does nothing when the connection has gone already.
func (l *listener) reset(client string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn := l.conns[client]
	if conn == nil {
		return nil
	}
	delete(l.conns, client)
	if err := conn.SetLinger(0); err != nil {
		return fmt.Errorf("reset the connection of %s: %w", client, err)
	}
	return conn.Close()
}

type trackedConn struct {
	net.Conn
	forget func()
}

func (c *trackedConn) Close() error {
	c.forget()
	return c.Conn.Close()
}
