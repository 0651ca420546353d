// The words that a model's sentences may use beside those of its evidence. A closed list: what is not in it (a name that nobody
// gave, another language, an order to the reader, a verdict of the model's own) is refused, without having to be thought of.
// Left out on purpose: verbs of action (a deed brings its own), judgements (healthy, fine, critical, urgent), comparisons and
// quantifiers (over, nearly, all, most), causes (leak, bug, fault), advice and address (should, must, you, click, ignore), and
// everything about credentials.

const WORDS = `
a about according across actual actually add added additional after again against allocated allocation along already also
although among amount an and another are as at available average averaged averages averaging away back be became because become
been before began begin being beside besides best between both briefly but by came can case cases change changes check checked
checks cluster clusters come comes compared comparison configured consumed consumes consumption container containers cores
count counted counts cover covered covers cpu current currently daily data day days decision decisions declared default
deployment did differ difference different do does doing due during each earlier end ended even except explained few first fit
fits follow followed following follows for form former found from further gave get gets getting given gives go goes going got
had has have having headroom here high highest hold holds hour hourly hours how however i idle if in included instead includes
including into is it its itself job just keep keeps kept kill kills kind kinds large largest last lasted lasts late later
latest leave leaves left length level levels light like likewise limit limits line list listed little load long longer look
looked looks low lowest made main mainly make makes making many match matched matches maximum mean meaning means meanwhile
measure measured measurement measures memory metric metrics middle minimum minute minutes mode month more moreover much name
named names namespace namespaces near need needed needs nevertheless new newer next nor not note noted now number numbers
observation observe of off often old older on once ones only onto open or other others otherwise our out overall own part parts
past peak peaks per percent percentage percentile period place placed plan plus pod pods point points present previous
previously proposed range rather ratio read reading readings reason reasons received recent recently record recorded regular
relative remain remained remaining remains report reported reports request requested requests require required requires
resource resources rest result results room round rule rules run runs said same sample samples saw say says scan scope second
seconds see seen series service set sets several share shared shares show showed shown shows side similar similarly since
single size sized sizes slightly small smallest so some something soon spare spike spikes standing started state stated stay
stayed stays still such sum summary take taken takes team template tell tells than that the their them then there therefore
these they thing things this those though through throughout thus time times to today together told too took total toward
towards twice type typical typically unit until unused upon usage use used uses using usual usually utilisation utilization utc
value values waiting waits was watch watched we week weekly weeks well went were what when where whereas whether which while
who why window with within without word words work workload workloads would yet zero
`;

const BASE: ReadonlySet<string> = new Set(WORDS.split(/\s+/).filter((word) => word !== ''));

/** Hyphenated words that are English and no names. */
const HYPHENATED: ReadonlySet<string> = new Set([
  'in-place',
  'long-term',
  'memory-related',
  'near-limit',
  'out-of-memory',
  'over-provisioned',
  'short-lived',
  'under-used',
]);

/** Whether a word, in lower case, is one that sentences may use whatever they are about. */
export function isCommonWord(word: string): boolean {
  return BASE.has(word) || HYPHENATED.has(word);
}
