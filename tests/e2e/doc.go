// Package e2e tests the programs as a user meets them: milvusdm is started as a process with arguments, the worker as
// another, and what they do is judged by what stands in a real Milvus afterwards.
package e2e
