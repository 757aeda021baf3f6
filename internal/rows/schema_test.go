package rows

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// What a newer server states of a schema, and this program does not know, is still there behind Temporal.
func TestSchemaKeepsWhatItDoesNotKnow(t *testing.T) {
	plain := &schemapb.CollectionSchema{Name: "c", Fields: []*schemapb.FieldSchema{KeyField("id")},
		StructArrayFields: []*schemapb.StructArrayFieldSchema{{Name: "clips", Fields: []*schemapb.FieldSchema{VarCharField("text", 9)}}}}
	odd := proto.Clone(plain).(*schemapb.CollectionSchema)
	odd.StructArrayFields[0].Fields[0].ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7))
	for _, schema := range []*schemapb.CollectionSchema{plain, odd} {
		text, err := json.Marshal(Schema{schema})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), wireKey); got != (schema == odd) || !strings.Contains(string(text), `"clips"`) {
			t.Errorf("%s", text)
		}
		var back Schema
		if err := json.Unmarshal(text, &back); err != nil || !proto.Equal(back.CollectionSchema, schema) {
			t.Errorf("%s reads %v, %v", text, back, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"name":"c","@wire":"//8="}`), &Schema{}); err == nil {
		t.Error("bytes that are no schema are taken")
	}
}
