package workflows

import (
	"milvusdm/activities"
	"milvusdm/internal/job"
)

// TaskQueue is where workflows run, and activities that any worker can do.
const TaskQueue = "milvusdm"

// HostQueue is the task queue of one machine's workers, for files that only that machine has.
func HostQueue(taskQueue, host string) string { return taskQueue + "@" + host }

// BriefQueue is the task queue of the same workers as queue's for activities that are over soon: they look, list and report. There
// they have slots of their own, and don't wait behind ranges that wait for a server.
func BriefQueue(queue string) string { return queue + "/brief" }

// ShareQueue is the task queue of the same workers for what ShareSource does, for which activities of the others wait.
func ShareQueue(queue string) string { return queue + "/share" }

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
	CleanJobName       = "CleanJob"
	ShareSourceName    = activities.ShareSourceName
)

// Names of queries, updates and signals.
const (
	StatusQuery  = "status" // answers Status
	StateQuery   = "state"  // answers State: what a run leaves that Temporal ends, or null
	PauseUpdate  = "pause"  // no argument; accepted once the job runs
	ResumeUpdate = "resume"
	// DropTargetUpdate has what the job made dropped when it is cancelled, instead of kept for the next run.
	DropTargetUpdate = "dropTarget"
	// PauseSignal is for a job that no worker runs now: true pauses it, false resumes it, once there is one. An update would
	// wait for the worker. The job tells its copies by the same signal.
	PauseSignal = "pause"
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

// CleanID is the workflow ID of cleaning up after a job or a schedule; of one that drops nothing, CleanDryID.
func CleanID(name string) string { return name + "/clean" }

// CleanDryID is CleanID where nothing is dropped.
func CleanDryID(name string) string { return name + "/clean/dry" }

// VerifyID is the workflow ID of verifying a job.
func VerifyID(j *job.Job) string { return j.Name + "/verify" }
