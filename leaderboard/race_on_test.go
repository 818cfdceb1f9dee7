//go:build race

package leaderboard

// raced: the race detector makes the histories ten times as slow.
const raced = true
