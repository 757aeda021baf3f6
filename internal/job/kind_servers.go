package job

import (
	"net"
	"strconv"
)

func (s *MilvusSource) Direction() string { return "Milvus" }

func (s *MilvusSource) Name() string {
	return collectionsName(s.MilvusServer.name(), s.Collections, sourceNameOf)
}

func (s *MilvusSource) OnHost() string { return "" }

func (s *MilvusSource) Chosen() []Collection { return s.Collections }

func (s *MilvusSource) Only(c Collection) SourceKind {
	one := *s
	one.Collections = []Collection{c}
	return &one
}

func (s *MilvusSource) IsFiles() bool { return false }

func (s *MilvusSource) Ordered() bool { return false }

func (s *MilvusSource) Needs() Needs { return s.MilvusServer.needs() }

func (t *MilvusTarget) Direction() string { return "Milvus" }

func (t *MilvusTarget) Name(c []Collection) string {
	place := t.MilvusServer.name()
	switch {
	case c != nil:
		return collectionsName(place, c, (*Collection).Target)
	case t.Partition != "":
		return place + "/" + t.Collection + "/" + t.Partition
	}
	return place + "/" + t.Collection
}

func (t *MilvusTarget) OnHost() string { return "" }

func (t *MilvusTarget) Takes(SourceKind) bool { return true }

func (t *MilvusTarget) Unit(c Collection) TargetKind {
	unit := *t
	unit.Collection = c.Target()
	if len(c.Partitions) == 1 {
		unit.Partition = c.targetPartition(c.Partitions[0])
	}
	return &unit
}

func (t *MilvusTarget) Needs() Needs { return t.MilvusServer.needs() }

func (s *MilvusServer) needs() Needs {
	n := Needs{Addresses: []string{s.Address}, Secrets: []Secret{s.Password, s.Token}}
	if s.TLS != nil {
		n.Paths = []string{s.TLS.CA, s.TLS.Cert, s.TLS.Key}
	}
	return n
}

func (s *Milvus1Source) Direction() string { return "Milvus" }

func (s *Milvus1Source) Name() string { return collectionsName(s.Path, s.Collections, sourceNameOf) }

func (s *Milvus1Source) OnHost() string { return s.Host }

func (s *Milvus1Source) Chosen() []Collection { return s.Collections }

func (s *Milvus1Source) Only(c Collection) SourceKind {
	one := *s
	one.Collections = []Collection{c}
	return &one
}

func (s *Milvus1Source) IsFiles() bool { return false }

func (s *Milvus1Source) Ordered() bool { return true }

func (s *Milvus1Source) Needs() Needs {
	n := Needs{Paths: []string{s.Path}}
	if db := s.MySQL; db != nil {
		n.Addresses = []string{net.JoinHostPort(db.Host, strconv.Itoa(db.Port))}
		n.Secrets = []Secret{db.Password}
	}
	return n
}
