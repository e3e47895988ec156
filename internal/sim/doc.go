// Package sim is hongbao in a test tube: two servers on one database, their payout
// workers, a rail, merchants, claimants and operators, all of it driven from one
// seed, with fake time, and with everything going wrong that may go wrong. It has
// nothing but tests; docs/simulation.md says how to run them.
//
//	driver ──► draws the next step from the seed, lets it happen, looks at everything
//	  │
//	  ├─ a request comes in, perhaps at both servers      ┐
//	  ├─ a committer, sweeper or payout worker has a turn ├─ each a task
//	  ├─ a task goes on until it next uses database or rail, with a mishap or without
//	  └─ time passes · a clock jumps · a server is killed, stopped, started · who asked
//	     hangs up · the disk fails · power is cut
//
// # One at a time
//
// The product runs unchanged; only its goroutines are driven (engine.Config.Driven,
// and the methods of payout.Worker). A task is a goroutine in a bubble of
// testing/synctest. Whenever it is about to use the database or the rail it stands
// still, at a point, until the driver lets it go on; the driver waits until all stand
// still again. So there are as many interleavings as there are orders of points, a
// server can die at each of them, and one seed is one history to the byte.
//
// A process that was killed goes on standing at its points, and gets nothing from
// database and rail any more but errors; what it answers nobody hears.
//
// # The database
//
// A mishap is one that the contract of package store allows. What is committed is
// synced, or its fate is unknown. A commit in doubt is written and not synced: it
// keeps its locks and nobody sees it, until it turns out to be there or is lost.
//
// # What is checked
//
// After every step, on what a crash at this moment would leave:
//
//   - the audit of package audit finds nothing
//   - what anybody was told is there, and was told the same each time
//   - what is there was wished by somebody who was not refused
//   - the rail has paid nobody more than their share, nor anything that went back
//   - no server has seen a packet that breaks an invariant, or logged an error that a
//     mishap does not explain
//
// At the end mishaps stop, and all must come to rest: each packet has ended, each
// share is paid or returned, and the money adds up as seen from outside.
package sim
