package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// TestSecureServer: a Milvus that speaks TLS only, wants a certificate of its clients, and a password.
func TestSecureServer(t *testing.T) {
	t.Parallel()
	certs := newCertificates(t)
	server := stack.MilvusWith(t, "secure", "COMMON_SECURITY_AUTHORIZATIONENABLED=true", "COMMON_SECURITY_TLSMODE=2",
		"TLS_SERVERPEMPATH="+certs.path("server.pem"), "TLS_SERVERKEYPATH="+certs.path("server.key"), "TLS_CAPEMPATH="+certs.path("ca.pem"))
	file := source.hdf5File(t)
	password := write(t, "password", "Milvus\n") // the one that a new server has
	wrong := write(t, "password", "Wrong1\n")
	token := write(t, "token", "root:Milvus")
	const hungUp fault.Kind = "refused or hung up on"
	tlsKey := fmt.Sprintf("tls: {ca: %s, cert: %s, key: %s, server_name: milvus.test}", certs.path("ca.pem"), certs.path("client.pem"), certs.path("client.key"))
	for name, c := range map[string]struct {
		target []string
		kind   fault.Kind
		says   string
	}{
		"password":              {target: []string{tlsKey, "user: root", "password_file: " + password}},
		"token":                 {target: []string{tlsKey, "token_file: " + token}},
		"wrong password":        {[]string{tlsKey, "user: root", "password_file: " + wrong}, fault.Denied, "auth"},
		"no password":           {[]string{tlsKey}, fault.Denied, "auth"},
		"no TLS":                {[]string{"user: root", "password_file: " + password}, fault.Config, "write target.milvus.tls"},
		"another authority":     {[]string{"tls: {ca: " + certs.path("other.pem") + ", server_name: milvus.test}", "user: root", "password_file: " + password}, fault.Denied, "x509"},
		"another name":          {[]string{"tls: {ca: " + certs.path("ca.pem") + "}", "user: root", "password_file: " + password}, fault.Denied, "x509"},
		"no client certificate": {[]string{"tls: {ca: " + certs.path("ca.pem") + ", server_name: milvus.test}", "user: root", "password_file: " + password}, hungUp, "target.milvus.tls.cert"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collection := fmt.Sprintf("secure_%d", names.Add(1))
			path := own(t, "job-"+collection, file, server.Address, collection, append(c.target, "connect_timeout: 4s"), nil)
			if c.kind != "" {
				answer := milvusdm(t, "run", path)
				if c.kind == hungUp { // the server's alert may come after its hanging up, or not at all
					c.kind = fault.Denied
					if answer.code == fault.ExitCode(fault.Unavailable) {
						c.kind = fault.Unavailable
					}
				}
				answer.fails(c.kind).says("Milvus at "+server.Address, c.says).lacks("Wrong1")
				return
			}
			if result := verified(t, "run", path); result.Counted != int64(source.count()) {
				t.Errorf("%+v", result)
			}
			c, err := client.NewClient(t.Context(), client.Config{Address: server.Address, Username: "root", Password: "Milvus",
				DialOptions: []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(certs.client(t)))}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if there, err := c.HasCollection(t.Context(), collection); err != nil || !there {
				t.Errorf("the collection is there: %v, %v", there, err)
			}
		})
	}
}

// certificates are PEM files in a folder: of an authority, of a server and a client that it vouches for, and of another
// authority.
type certificates struct{ dir string }

func (c *certificates) path(name string) string { return filepath.Join(c.dir, name) }

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	c := &certificates{t.TempDir()}
	ca, caKey := c.make(t, "ca", nil, nil)
	c.make(t, "other", nil, nil)
	c.make(t, "server", ca, caKey)
	c.make(t, "client", ca, caKey)
	return c
}

// make writes NAME.pem and NAME.key. Without a parent it is an authority.
func (c *certificates) make(t *testing.T, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(names.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"milvus.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, IsCA: parent == nil,
	}
	if parent == nil {
		parent, parentKey = template, key
		template.KeyUsage = x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, name+".pem", "CERTIFICATE", der)
	c.write(t, name+".key", "EC PRIVATE KEY", keyDER)
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func (c *certificates) write(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(c.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *certificates) client(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.path("client.pem"), c.path("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, c.path("ca.pem"))))
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: "milvus.test"}
}
