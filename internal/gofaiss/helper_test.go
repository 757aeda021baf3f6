package gofaiss

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/transfer"
)

// The test program is its own child, or plays one: then its behaviour is the base name of the file that it is to read.
func TestMain(m *testing.M) {
	if path := os.Getenv(parenthood); path != "" {
		os.Exit(beParent(path))
	}
	if os.Getenv(pretence) != "" {
		os.Exit(play(os.Args[2:]))
	}
	if code, ok := Run(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// pretence is the environment variable that makes a child play.
const pretence = "GOFAISS_TEST_PLAY"

// play pretends to be Faiss: row i has id 1000+i and vector (i, -i).
func play(args []string) int {
	w := bufio.NewWriter(os.NewFile(channel, "channel"))
	flush := func() {
		if err := w.Flush(); err != nil {
			panic(err)
		}
	}
	defer flush()
	say := func(kind byte, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		if err := writeFrame(w, kind, b); err != nil {
			panic(err)
		}
	}
	held := info{Rows: 1000, Dim: 2, Metric: 1, IDs: true}
	die := func() {
		flush()
		fmt.Fprintln(os.Stderr, "SIGSEGV: segmentation violation")
		os.Exit(2)
	}
	first, err1 := strconv.ParseInt(args[1], 10, 64)
	count, err2 := strconv.ParseInt(args[2], 10, 64)
	if err1 != nil || err2 != nil {
		panic(args)
	}
	how := filepath.Base(args[0])
	switch how {
	case "refused":
		say(frameError, failure{Text: "it is bent"})
		return 0
	case "unsupported":
		say(frameError, failure{Unsupported: true, Text: "no such kind"})
		return 0
	case "crash":
		die()
	case "killed":
		panic(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	case "babble":
		if _, err := fmt.Fprint(w, "this is no frame at all"); err != nil {
			panic(err)
		}
		flush()
		time.Sleep(time.Hour)
	case "pid":
		if err := os.WriteFile(args[0], []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			panic(err)
		}
		time.Sleep(time.Hour)
	case "silent":
		time.Sleep(time.Hour)
	case "busy":
		for end := time.Now().Add(time.Hour); time.Now().Before(end); {
		}
	case "large":
		held.Rows = -1
	}
	say(frameInfo, held)
	for i := first; i < first+count; i++ {
		if how == "crash-later" && i == 700 {
			die()
		}
		if how == "stall-later" && i == 700 {
			flush()
			time.Sleep(time.Hour)
		}
		var rows []byte
		if args[3] == modeVectors {
			rows = bytesOf([]float32{float32(i), float32(-i)})
		}
		if err := writeFrame(w, frameRows, bytesOf([]int64{1000 + i}), rows); err != nil {
			return 1
		}
	}
	if err := writeFrame(w, frameEnd); err != nil {
		return 1
	}
	return 0
}

func pretend(t *testing.T, how string) string {
	t.Helper()
	t.Setenv(pretence, "1")
	path := filepath.Join(t.TempDir(), how)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStream(t *testing.T) {
	h, path := newHelper("", "1.7.3"), pretend(t, "fine")
	i, err := h.Describe(t.Context(), path)
	if err != nil || i.Rows != 1000 || i.Dim != 2 || !i.IDs {
		t.Fatal(i, err)
	}
	s, err := h.Open(t.Context(), path, 100, 300, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for row := int64(100); row < 400; row += 30 {
		ids, vectors := make([]int64, 30), make([]float32, 60)
		if err := s.Read(t.Context(), vectors, ids); err != nil {
			t.Fatal(err)
		}
		for i := range ids {
			if n := row + int64(i); ids[i] != 1000+n || vectors[2*i] != float32(n) || vectors[2*i+1] != float32(-n) {
				t.Fatalf("row %d: id %d, vector %v", n, ids[i], vectors[2*i:2*i+2])
			}
		}
	}
	if err := s.Read(t.Context(), make([]float32, 2), make([]int64, 1)); err == nil {
		t.Error("read past the end")
	}
	keys, err := h.Open(t.Context(), path, 990, 10, false)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	ids := make([]int64, 10)
	if err := keys.Read(t.Context(), nil, ids); err != nil || !slices.Equal(ids[8:], []int64{1998, 1999}) {
		t.Error(ids, err)
	}
}

// A description is asked for once, as long as the file is the same.
func TestDescribeIsRemembered(t *testing.T) {
	h, path := newHelper("", "1.7.3"), pretend(t, "fine")
	if _, err := h.Describe(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	h.program = "/nowhere"
	if _, err := h.Describe(t.Context(), path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Describe(t.Context(), path); err == nil {
		t.Error("a changed file was not looked at again")
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		how  string
		kind fault.Kind
		says string
	}{
		{"refused", fault.Corrupt, "it is bent"},
		{"unsupported", fault.Unsupported, "no such kind"},
		{"crash", fault.Corrupt, "SIGSEGV"},
		{"killed", fault.Unsupported, "memory ran out"},
		{"babble", fault.Corrupt, "crashed"},
		{"large", fault.Corrupt, "-1 rows"},
	} {
		path := pretend(t, c.how)
		_, err := newHelper("", "1.7.3").Describe(t.Context(), path)
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %s %v", c.how, fault.KindOf(err), err)
		}
	}
	for _, how := range []string{"crash-later", "stall-later"} {
		s, err := newHelper("", "1.7.3").Open(t.Context(), pretend(t, how), 0, 1000, true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = s.Read(ctx, make([]float32, 2000), make([]int64, 1000))
		if how == "crash-later" && fault.KindOf(err) != fault.Corrupt || how == "stall-later" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", how, err)
		}
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// When the context ends so does the child, whatever it does.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := newHelper("", "1.7.3").Describe(ctx, pretend(t, "silent")); !errors.Is(err,
		context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// A child that gives nothing is ended when its time is over; meanwhile only signs of work are told.
func TestTimeLimit(t *testing.T) {
	for how, busy := range map[string]bool{"silent": false, "busy": true} {
		h, path := newHelper("", "1.7.3"), pretend(t, how)
		h.wait = 5 * time.Second
		var mu sync.Mutex
		told := 0
		start := time.Now()
		_, err := h.Describe(transfer.Reporting(t.Context(), func(text string) {
			mu.Lock()
			defer mu.Unlock()
			if told++; !strings.Contains(text, "reading "+how) {
				t.Errorf("told: %s", text)
			}
		}), path)
		if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), path) ||
			!strings.Contains(err.Error(), "for 5 s") ||
			time.Since(start) > 20*time.Second {
			t.Errorf("%s: after %v: %s %v", how, time.Since(start), fault.KindOf(err), err)
		}
		mu.Lock()
		if most := 1; busy && told == 0 || !busy && told > most { // a program that sleeps works a little when it begins
			t.Errorf("%s: told %d times", how, told)
		}
		mu.Unlock()
	}
	h := newHelper("", "1.7.3")
	large := filepath.Join(t.TempDir(), "large")
	f, err := os.Create(large)
	if err == nil {
		err = errors.Join(f.Truncate(10<<30), f.Close()) // sparse
	}
	if err != nil {
		t.Fatal(err)
	}
	if small, big := h.patience("absent"), h.patience(large); small != leastPatience || big < 30*time.Minute ||
		big > 2*time.Hour {
		t.Errorf("%v and %v", small, big)
	}
}

// parenthood is the environment variable that makes the test program start a child that never ends, and wait.
const parenthood = "GOFAISS_TEST_PARENT"

func beParent(path string) int {
	_ = os.Unsetenv(parenthood) // fails for bad names only
	_, err := newHelper("", "1.7.3").Describe(context.Background(), path)
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// A child does not outlive the program that started it, however that ends.
func TestOrphan(t *testing.T) {
	path := pretend(t, "pid")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parenthood+"="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid []byte
	within(t, "the child has started", func() bool {
		pid, _ = os.ReadFile(path)
		return len(pid) > 0
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	within(t, "the child has ended", func() bool {
		stat, err := os.ReadFile("/proc/" + string(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within 10 s: %s", what)
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("I\x02\x00\x00\x00{}Z\x00\x00\x00\x00"))
	f.Add([]byte("R\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, buf := bufio.NewReader(strings.NewReader(string(b))), []byte(nil)
		for {
			var err error
			if _, buf, err = readFrame(r, buf, 1000); err != nil {
				return
			}
			if len(buf) > 1000 {
				t.Fatalf("a frame of %d bytes", len(buf))
			}
		}
	})
}
