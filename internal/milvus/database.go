package milvus

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inDatabase returns an interceptor that has every request name the database that it is for, unless it names one itself. The
// SDK names it in the call's metadata, which Milvus 2.3 does not look at for all calls (ListAliases), and the raw service not at all.
func inDatabase(name string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
		opts ...grpc.CallOption) error {
		if m, ok := req.(proto.Message); ok {
			request := m.ProtoReflect()
			field := request.Descriptor().Fields().ByName("db_name")
			if field != nil && field.Kind() == protoreflect.StringKind && !request.Has(field) {
				request.Set(field, protoreflect.ValueOfString(name))
			}
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}
