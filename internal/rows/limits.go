package rows

import (
	"regexp"

	"github.com/milvus-io/milvus-proto/go-api/v2/schemapb"
)

// What every server of Milvus 2.x refuses in a collection that is made.
const (
	// MaxFields is how many fields a collection has at most, the primary key among them.
	MaxFields = 64
	// MaxVectorFields is how many vector fields a server can be set up to take, UsualVectorFields without that.
	MaxVectorFields   = 10
	UsualVectorFields = 4
	// MaxFieldName is the length of a field's name.
	MaxFieldName = 255
)

// MaxDimension is the largest dimension of a vector type, for binary vectors in bits.
func MaxDimension(t schemapb.DataType) int64 {
	if t == schemapb.DataType_BinaryVector {
		return 8 * 32768
	}
	return 32768
}

var fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// IsFieldName reports whether Milvus takes a name for a field.
func IsFieldName(name string) bool { return len(name) <= MaxFieldName && fieldName.MatchString(name) }

// ToFieldName makes a name one that Milvus takes: other characters become underscores.
func ToFieldName(name string) string {
	var out []byte
	for _, r := range name {
		b := byte('_')
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			b = byte(r)
		}
		if len(out) == 0 && b >= '0' && b <= '9' {
			out = append(out, '_')
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return "_"
	}
	return string(out[:min(len(out), MaxFieldName)])
}
