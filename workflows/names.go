package workflows

import "milvusdm/internal/job"

// TaskQueue is where workflows run, and activities that any worker can do.
const TaskQueue = "milvusdm"

// HostQueue is the task queue of one machine's workers, for files that only that machine has.
func HostQueue(taskQueue, host string) string { return taskQueue + "@" + host }

// BriefQueue is the task queue of the same workers as queue's for activities that are over soon: they look, list and report. There
// they have slots of their own, and don't wait behind ranges that wait for a server.
func BriefQueue(queue string) string { return queue + "/brief" }

// Names of workflow types, as the Web UI shows them. Each direction's is also what job.Direction answers.
const (
	FaissToMilvusName  = "FaissToMilvus"
	HDF5ToMilvusName   = "HDF5ToMilvus"
	MilvusToMilvusName = "MilvusToMilvus"
	MilvusToHDF5Name   = "MilvusToHDF5"
	CopyCollectionName = "CopyCollection"
	PlanJobName        = "PlanJob"
	VerifyName         = "Verify"
	PruneExportsName   = "PruneExports"
)

// Names of queries and updates.
const (
	StatusQuery  = "status" // answers Status
	PauseUpdate  = "pause"  // no argument; accepted once the job runs
	ResumeUpdate = "resume"
	// DropTargetUpdate has what the job made dropped when it is cancelled, instead of kept for the next run.
	DropTargetUpdate = "dropTarget"
)

// HashMemo is the memo key that holds the job's hash, JobMemo the one that holds the job.
const (
	HashMemo = "jobHash"
	JobMemo  = "job"
)

// WorkflowID is the workflow ID of a job: its name, so that a job runs once at a time.
func WorkflowID(j *job.Job) string { return j.Name }

// PlanID is the workflow ID of a dry run.
func PlanID(j *job.Job, nonce string) string { return j.Name + "/plan/" + nonce }

// PruneID is the workflow ID of pruning a schedule's exports.
func PruneID(schedule string) string { return schedule + "/prune" }

// VerifyID is the workflow ID of verifying a job.
func VerifyID(j *job.Job) string { return j.Name + "/verify" }
