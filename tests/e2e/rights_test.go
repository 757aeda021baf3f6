package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/milvus-io/milvus-sdk-go/v2/client"
	"github.com/milvus-io/milvus-sdk-go/v2/entity"

	"milvusdm/internal/fault"
	"milvusdm/tests/stack"
)

// The least rights that docs/milvus.md lists, for every collection: those on collections, and those on the server.
var (
	readingRights = []string{"Query", "Load", "Release", "GetStatistics", "ShowPartitions"}
	writingRights = []string{"Insert", "Upsert", "Query", "Load", "Release", "Flush", "GetFlushState", "CreateIndex", "DropIndex",
		"ShowPartitions", "CreatePartition"}
	serverRights = []string{"CreateCollection", "DropCollection", "RenameCollection"}
)

// TestLeastRights: a copy with exactly the rights of the docs, and one for each of them that is missing.
func TestLeastRights(t *testing.T) {
	server := stack.MilvusWith(t, "rights", "COMMON_SECURITY_AUTHORIZATIONENABLED=true", "PROXY_MAXROLENUM=64")
	c, err := client.NewClient(t.Context(), client.Config{Address: server.Address, Username: "root", Password: "Milvus"})
	if err != nil {
		t.Fatal(err)
	}
	m := &milvus{c, server.Address}
	defer c.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	user := func(name string, onCollections, onServer []string) {
		t.Helper()
		must(c.CreateCredential(t.Context(), name, "Passw0rd"))
		must(c.CreateRole(t.Context(), "role_"+name))
		must(c.AddUserRole(t.Context(), name, "role_"+name))
		for _, r := range onCollections {
			must(c.Grant(t.Context(), "role_"+name, entity.PriviledegeObjectTypeCollection, "*", r))
		}
		for _, r := range onServer {
			must(c.Grant(t.Context(), "role_"+name, entity.PriviledegeObjectTypeGlobal, "*", r))
		}
	}
	user("reader", readingRights, nil)
	user("writer", writingRights, serverRights)
	lacks := map[string]string{} // by user
	for i, right := range slices.Concat(writingRights, serverRights) {
		if right == "Release" || right == "DropCollection" {
			continue // only some jobs need them
		}
		name := fmt.Sprintf("lacks%d", i)
		lacks[name] = right
		without := func(rights []string) []string {
			return slices.DeleteFunc(slices.Clone(rights), func(r string) bool { return r == right })
		}
		user(name, without(writingRights), without(serverRights))
	}
	time.Sleep(5 * time.Second) // the proxy hears of rights a little later
	password := write(t, "password", "Passw0rd\n")
	name := "rights_source"
	partly{"_default": {0, 100, 1}, "north": {200, 260, 1}}.make(t, m, name)
	job := func(as, writer, mode string) string {
		return migrate(t, "job-"+as, server.Address, fmt.Sprintf("[{name: %s, as: %s}]\n    user: reader\n    password_file: %s", name, as, password),
			server.Address, []string{"user: " + writer, "password_file: " + password, "mode: " + mode}, []string{"verify: full"})
	}
	verified(t, "run", job("rights_target", "writer", "append"))
	verified(t, "run", job("rights_target", "writer", "overwrite"))
	for lacking, right := range lacks {
		milvusdm(t, "run", job("rights_"+lacking, lacking, "append")).fails(fault.Denied).says("Privilege"+right, lacking)
		if there, err := c.HasCollection(t.Context(), "rights_"+lacking); err != nil || there {
			t.Errorf("without %s: the collection is there: %v, %v", right, there, err)
		}
	}
}
