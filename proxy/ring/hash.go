package ring

import "math/bits"

// Partition returns the partition, in [0, partitions), on whose arc of the
// circle hash lies. Arcs are contiguous and differ in length by at most one
// point. With no partitions (partitions < 1) it returns 0.
func Partition(hash uint64, partitions int) int {
	if partitions < 1 {
		return 0
	}
	p, _ := bits.Mul64(hash, uint64(partitions))
	return int(p)
}

// mix is the finaliser of SplitMix64: a bijection of 64 bits in which every
// input bit reaches every output bit. Part of the contract between versions.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	x ^= x >> 31
	return x
}

// partitionSeed and memberSeed spread their arguments over 64 bits so that one
// further mix of their exclusive or is a good score. The odd constants keep the
// two families apart: partition 1 and member 1 have unrelated seeds.
func partitionSeed(p int) uint64 {
	return mix(uint64(p)*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019)
}

func memberSeed(id uint32) uint64 {
	return mix(uint64(id)*0xd1342543de82ef95 + 0x2545f4914f6cdd1d)
}

// score is the weight of a member for a partition. For one partition it is a
// bijection of the member's ID, so two members never tie.
func score(partition, member uint64) uint64 {
	return mix(partition ^ member)
}
