//go:build !race

package review

// raced: the race detector is on, and everything takes ten times as long.
const raced = false
