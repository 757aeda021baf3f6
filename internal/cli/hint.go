package cli

import (
	"strings"

	"go.temporal.io/sdk/client"

	"milvusdm/workflows"
)

// hints makes commands that a reader can paste. It holds the flags of this call that the next one needs too, to reach the
// same Temporal and the same workers. What came from the environment is there for the next call as well.
type hints []string

func (a *app) hints() hints {
	var h hints
	add := func(flag, value, usual string) {
		if value != usual {
			h = append(h, flag, value)
		}
	}
	add("--address", a.address, "")
	add("--namespace", a.namespace, "")
	add("--task-queue", a.queue, workflows.TaskQueue)
	return h
}

// command is milvusdm with these words, each as a shell takes it.
func (h hints) command(words ...string) string {
	line := "milvusdm"
	for _, w := range append(words, h...) {
		line += " " + shellWord(w)
	}
	return line
}

// shellWord writes a text so that a shell takes it as one word.
func shellWord(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=@%:,", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// defaultAddress is where Temporal is when nobody says where.
const defaultAddress = "127.0.0.1:7233"

// place names a Temporal that is not the usual one, "" for the usual one.
func (s *server) place() string {
	if s.address == defaultAddress && s.namespace == client.DefaultNamespace {
		return ""
	}
	return s.address + ", namespace " + s.namespace
}

// unserved is a task queue that no worker polls. Its host is set where it is the queue of one machine.
type unserved struct{ queue, host string }

func (u unserved) name() string {
	if u.host == "" {
		return u.queue
	}
	return workflows.HostQueue(u.queue, u.host)
}

// noWorker says that no worker polls a task queue, and how to start one.
func (s *server) noWorker(u unserved) string { return s.lacks(u) + "; " + s.startOne(u) }

func (s *server) lacks(u unserved) string {
	return "no worker polls task queue " + u.name() + " (Temporal at " + s.address + ", namespace " + s.namespace + ")"
}

// startOne says how to start a worker. It takes Temporal's place from its environment.
func (s *server) startOne(u unserved) string {
	command := ""
	if s.address != defaultAddress {
		command += "TEMPORAL_ADDRESS=" + shellWord(s.address) + " "
	}
	if s.namespace != client.DefaultNamespace {
		command += "TEMPORAL_NAMESPACE=" + shellWord(s.namespace) + " "
	}
	command += "milvusdm-worker"
	if u.queue != workflows.TaskQueue {
		command += " -task-queue " + shellWord(u.queue)
	}
	where := ""
	if u.host != "" {
		command += " -host " + shellWord(u.host)
		where = " on " + u.host
	}
	text := "start one" + where + " with: " + command
	if command == "milvusdm-worker" {
		text += " (or make up)"
	}
	return text
}
