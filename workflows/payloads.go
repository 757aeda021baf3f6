package workflows

import (
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// compressFrom is from what size on a payload is compressed: those of common jobs stay readable in the Web UI.
const compressFrom = 16 << 10

// Payloads is how workers and clients of these workflows write payloads: as parent does (nil: the SDK's default), and large ones
// compressed. Temporal takes no payload above 2 MiB, and what a job of hundreds of collections, or a collection in thousands of
// ranges, has to say is larger; nearly all of it are schemas and ranges that look alike. Payloads that were written without are
// read all the same.
func Payloads(parent converter.DataConverter) converter.DataConverter {
	if parent == nil {
		parent = converter.GetDefaultDataConverter()
	}
	return converter.NewCodecDataConverter(parent, compressing{converter.NewZlibCodec(converter.ZlibCodecOptions{})})
}

// compressing is a codec that leaves small payloads as they are.
type compressing struct{ converter.PayloadCodec }

func (c compressing) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if out[i] = p; len(p.GetData()) < compressFrom {
			continue
		}
		small, err := c.PayloadCodec.Encode(payloads[i : i+1])
		if err != nil {
			return nil, err
		}
		out[i] = small[0]
	}
	return out, nil
}
