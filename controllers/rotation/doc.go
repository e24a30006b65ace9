// Package rotation decides how the keys in a Secret are replaced while proxies use
// them: a key is added, then signs, then the ones before it go. It is pure: it is given
// what the Secret holds and what each proxy says that it has, and returns what the
// Secret is to hold.
//
// Invariants:
//
//   - A step is made only when every proxy has what the Secret holds. So any two
//     proxies are a step apart at the most, and verify what the other signs.
//   - What a proxy signed before the new key was in force is verified for as long as
//     it may be asked for (Input.Life), unless a person is in a hurry.
//   - All that is known of a rotation is in the Secret: its keys, and the Record
//     beside them. Whoever goes on, decides alike.
//   - What a person wrote into the Secret stands. What follows is derived from it.
package rotation
