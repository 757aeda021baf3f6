package e2e

import (
	"flag"
	"os"
	"testing"
)

// TestMain has more cases run at once than there are processors: a job mostly waits for Milvus to flush and to load.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
