//! The fleet as it is known now: pages of both lists joined by id as they stream in.
//!
//! A refresh is a *generation*. A row stays as it is until its own record comes again; it loses a
//! source's record only when that source was read to its last page without it, and disappears when no
//! source lists it any more. A source that is denied, throttled or unreachable thus keeps what it gave
//! before, and [`Completeness`] tells the age of that. The list of the last time, from the disk, is generation 0
//! (`cached`). Counts are kept row by row as records come (`booking`): nothing here looks at all rows for a page.

mod booking;
mod cached;
mod completeness;
mod memory;

pub use completeness::{Completeness, Counts, Phase, SourceStatus};

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use self::booking::{Booked, Books};
use super::evidence::{Memory, Usage};
use super::instance::{Instance, Part};
use super::place::Place;
use super::record::{
    AgentRecord, Fact, InstanceId, MachineRecord, MachineState, Outcome, Ping, Source, Text, Update,
};

/// Which rows an update touched, so that a view can mark them and keep its selection by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New rows.
    pub added: Vec<InstanceId>,
    /// Rows that look different now.
    pub changed: Vec<InstanceId>,
    /// Rows with nothing new but a heartbeat or the age of an answer; not worth a mark.
    pub touched: Vec<InstanceId>,
    /// Rows that no source lists any more.
    pub removed: Vec<InstanceId>,
    /// Whether [`Fleet::completeness`] changed.
    pub progress: bool,
}

impl Changes {
    /// Whether nothing happened at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a list or a search over the rows has to be made anew.
    pub fn rows_changed(&self) -> bool {
        !(self.added.is_empty()
            && self.changed.is_empty()
            && self.touched.is_empty()
            && self.removed.is_empty())
    }
}

/// In which reading each source last listed a row.
#[derive(Clone, Debug, Default)]
struct Read {
    agent: u64,
    machine: u64,
    /// What the counts hold of it.
    booked: Option<Booked>,
    /// A second registration of the same machine that lost against the first, with its reading.
    rival: Option<(u64, Arc<AgentRecord>)>,
}

/// The instances, joined.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    rows: Vec<Arc<Instance>>,
    read: Vec<Read>,
    index: HashMap<InstanceId, usize>,
    /// From the id of a hybrid registration to the row of the EC2 instance behind it.
    aliases: HashMap<InstanceId, InstanceId>,
    generation: u64,
    agents: SourceStatus,
    machines: SourceStatus,
    pool: HashSet<Text>,
    place: Arc<Place>,
    books: Books,
    /// When the list of the last time was read, of which rows are left.
    cached: Option<Timestamp>,
    /// The action that was denied when a channel was asked for last.
    unverified: Option<String>,
    /// What its nodes have in common, as of the last list that ended.
    usage: Usage,
    /// What agents said of themselves before a list lost them.
    remembered: HashMap<InstanceId, Memory>,
}

impl Fleet {
    /// An empty fleet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where its rows are.
    pub fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// More is known now of where its rows are.
    pub fn set_place(&mut self, place: Place) {
        if *self.place == place {
            return;
        }
        self.place = Arc::new(place);
        for row in &mut self.rows {
            Arc::make_mut(row).place = Arc::clone(&self.place);
        }
    }

    /// All rows, those that are gone among them, in the order in which they came.
    pub fn instances(&self) -> &[Arc<Instance>] {
        &self.rows
    }

    /// A row by its id, or by the `mi-…` under which its agent registered.
    pub fn get(&self, id: &InstanceId) -> Option<&Arc<Instance>> {
        self.index_of(id).map(|place| &self.rows[place])
    }

    /// The latest reading.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What the footer tells.
    pub fn completeness(&self) -> Completeness {
        Completeness {
            agents: self.agents.clone(),
            machines: self.machines.clone(),
            rows: self.books.living,
            refreshed: self.books.refreshed,
            cached: self.cached.filter(|_| self.books.cached > 0),
            unverified: self.unverified.clone(),
        }
    }

    /// What its nodes have in common.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Rows by state, each as it was when a source last spoke of it.
    pub fn counts(&self) -> Counts {
        self.books.counts
    }

    /// Takes in one update. Updates of an older reading than the latest are ignored.
    pub fn apply(&mut self, update: Update, now: Timestamp) -> Changes {
        let mut changes = Changes::default();
        match update {
            Update::Started { generation } => changes.progress = self.start(generation, now),
            Update::Agents { generation, records } => {
                if self.is_current(generation, now) {
                    changes.progress = true;
                    self.agents.rows += records.len();
                    for record in records {
                        let place = self.take_agent(record, &mut changes);
                        self.book(place, now);
                    }
                }
            }
            Update::Machines { generation, records } => {
                if self.is_current(generation, now) {
                    changes.progress = true;
                    self.machines.rows += records.len();
                    for record in records {
                        let place = self.take_machine(record, &mut changes);
                        self.book(place, now);
                    }
                }
            }
            Update::Throttled { generation, source } => {
                if self.is_current(generation, now) {
                    changes.progress = true;
                    self.status(source).throttled_at = Some(now);
                }
            }
            Update::Done { generation, source, outcome } => {
                if self.is_current(generation, now) {
                    changes.progress = true;
                    self.finish(source, outcome, now, &mut changes);
                    // Once a reading: this looks at all rows.
                    let is_over = |source: &SourceStatus| matches!(source.phase, Phase::Ended { .. });
                    if is_over(&self.agents) && is_over(&self.machines) {
                        self.usage = Usage::of(self.rows.iter().map(|row| &**row));
                    }
                }
            }
            Update::Connection { id, status } => {
                match &status {
                    Fact::Denied { action } if self.unverified.as_ref() != Some(action) => {
                        self.unverified = Some(action.clone());
                        changes.progress = true;
                    }
                    Fact::Known { .. } => changes.progress |= self.unverified.take().is_some(),
                    _ => {}
                }
                self.revise(&id, now, &mut changes, |instance| {
                    // A question that went unanswered doesn't unsay the last answer, which ages by itself.
                    let keeps = matches!(status, Fact::Failed(_) | Fact::NotAsked)
                        && matches!(instance.connection, Fact::Known { .. });
                    if !keeps {
                        instance.connection = status;
                    }
                });
            }
            Update::StatusCheck { id, status } => {
                self.revise(&id, now, &mut changes, |instance| instance.check = status);
            }
            Update::Opened { id } => {
                self.revise(&id, now, &mut changes, |instance| instance.opened = Some(now));
            }
        }
        changes
    }

    fn status(&mut self, source: Source) -> &mut SourceStatus {
        match source {
            Source::AgentList => &mut self.agents,
            Source::MachineList => &mut self.machines,
        }
    }

    fn index_of(&self, id: &InstanceId) -> Option<usize> {
        self.index.get(id).or_else(|| self.index.get(self.aliases.get(id)?)).copied()
    }

    fn start(&mut self, generation: u64, now: Timestamp) -> bool {
        if generation <= self.generation {
            return false;
        }
        self.generation = generation;
        self.books.refreshed = 0;
        for source in [&mut self.agents, &mut self.machines] {
            source.before = source.outcome().cloned();
            source.phase = Phase::Reading { since: now };
            source.rows = 0;
            source.throttled_at = None;
        }
        true
    }

    /// Whether an update belongs to the latest reading; a page may come before its `Started`.
    fn is_current(&mut self, generation: u64, now: Timestamp) -> bool {
        self.start(generation, now);
        generation == self.generation
    }

    /// The place of the row `id`, new if need be, and whether it is new.
    fn row(&mut self, id: &InstanceId) -> (usize, bool) {
        if let Some(&place) = self.index.get(id) {
            return (place, false);
        }
        let place = self.rows.len();
        // A list that has just been read to its end without this row says that it isn't there.
        let absent =
            |source: &SourceStatus| matches!(source.phase, Phase::Ended { outcome: Outcome::Complete, .. });
        let mut instance = Instance { place: Arc::clone(&self.place), ..Instance::new(id.clone()) };
        if absent(&self.agents) {
            instance.agent = Part::Absent;
        }
        if absent(&self.machines) {
            instance.machine = Part::Absent;
        }
        self.rows.push(Arc::new(instance));
        self.read.push(Read::default());
        self.index.insert(id.clone(), place);
        (place, true)
    }

    /// Takes in an SSM record; gives the place of its row.
    fn take_agent(&mut self, mut record: AgentRecord, changes: &mut Changes) -> usize {
        self.intern_agent(&mut record);
        let key = record.behind().map_or_else(|| record.id.clone(), InstanceId::from);
        if key != record.id {
            self.aliases.insert(record.id.clone(), key.clone());
        }
        let (place, is_new) = self.row(&key);
        self.share_agent(place, &mut record);
        self.remember(place, Some(&record), self.agents.complete_at);
        let generation = self.generation;
        let read = &mut self.read[place];
        if let Part::Seen(held) = &self.rows[place].agent
            && held.id != record.id
            && !is_better(&record, held)
        {
            read.rival = Some((generation, Arc::new(record)));
            return place;
        }
        if let Part::Seen(held) = &self.rows[place].agent
            && held.id != record.id
        {
            read.rival = Some((read.agent, Arc::clone(held)));
        }
        read.agent = generation;
        if self.rows[place].agent.seen() == Some(&record) {
            return place;
        }
        let agent = Part::Seen(Arc::new(record));
        self.replace(place, is_new, changes, |instance| instance.agent = agent);
        place
    }

    /// Takes in an EC2 record; gives the place of its row.
    fn take_machine(&mut self, mut record: MachineRecord, changes: &mut Changes) -> usize {
        self.intern_machine(&mut record);
        let (place, is_new) = self.row(&record.id);
        self.share_machine(place, &mut record);
        self.read[place].machine = self.generation;
        if self.rows[place].machine.seen() == Some(&record) {
            return place;
        }
        self.replace(place, is_new, changes, |instance| {
            // After a stop or a start, what was true of the channel before says nothing any more.
            let restarted = instance.machine.seen().is_some_and(|before| {
                before.launched != record.launched
                    || (before.state != record.state && record.state != MachineState::Running)
            });
            if restarted {
                instance.connection = Fact::NotAsked;
                instance.check = Fact::NotAsked;
                instance.opened = None;
            }
            instance.machine = Part::Seen(Arc::new(record));
        });
        place
    }

    fn revise(
        &mut self,
        id: &InstanceId,
        now: Timestamp,
        changes: &mut Changes,
        edit: impl FnOnce(&mut Instance),
    ) {
        if let Some(place) = self.index_of(id) {
            self.replace(place, false, changes, edit);
            self.book(place, now);
        }
    }

    /// Edits a row and books what became of it.
    fn replace(
        &mut self,
        place: usize,
        is_new: bool,
        changes: &mut Changes,
        edit: impl FnOnce(&mut Instance),
    ) {
        let before = (!is_new).then(|| Instance::clone(&self.rows[place]));
        edit(Arc::make_mut(&mut self.rows[place]));
        let after = &self.rows[place];
        match before {
            None => changes.added.push(after.id.clone()),
            Some(before) if before == **after => {}
            Some(before) if before.looks_like(after) => changes.touched.push(after.id.clone()),
            Some(_) => changes.changed.push(after.id.clone()),
        }
    }

    fn finish(&mut self, source: Source, outcome: Outcome, now: Timestamp, changes: &mut Changes) {
        let is_complete = outcome == Outcome::Complete;
        let status = self.status(source);
        status.phase = Phase::Ended { outcome, at: now };
        if !is_complete {
            return;
        }
        let before = status.complete_at.replace(now);
        self.pool.retain(|text| Text::strong_count(text) != Some(1));
        let mut leaves_any = false;
        for place in 0..self.rows.len() {
            match source {
                Source::AgentList if self.read[place].agent != self.generation => {
                    self.lose_agent(place, before, changes);
                }
                Source::MachineList
                    if self.read[place].machine != self.generation
                        && self.rows[place].machine != Part::Absent =>
                {
                    self.replace(place, false, changes, |instance| instance.machine = Part::Absent);
                }
                _ => continue,
            }
            self.book(place, now);
            leaves_any |= is_unlisted(&self.rows[place]);
        }
        if leaves_any {
            self.drop_unlisted(changes);
        }
    }

    /// The SSM list ended without this row's record: its rival takes the place, or nobody.
    fn lose_agent(&mut self, place: usize, before: Option<Timestamp>, changes: &mut Changes) {
        let agent = match self.read[place].rival.take() {
            Some((generation, rival)) if generation == self.generation => {
                self.read[place].agent = generation;
                Part::Seen(rival)
            }
            _ => {
                self.remember(place, None, before);
                Part::Absent
            }
        };
        if self.rows[place].agent != agent {
            self.replace(place, false, changes, |instance| instance.agent = agent);
        }
    }

    fn drop_unlisted(&mut self, changes: &mut Changes) {
        let removed = self.retain(|instance, _| !is_unlisted(instance));
        for list in [&mut changes.added, &mut changes.changed, &mut changes.touched] {
            list.retain(|id| !removed.contains(id));
        }
        changes.removed.extend(removed);
        changes.removed.sort();
    }

    /// Drops the rows that `keeps` refuses; gives their ids.
    fn retain(&mut self, keeps: impl Fn(&Instance, &Read) -> bool) -> HashSet<InstanceId> {
        let rows = std::mem::take(&mut self.rows);
        let read = std::mem::take(&mut self.read);
        let mut removed = HashSet::new();
        for (instance, read) in rows.into_iter().zip(read) {
            if keeps(&instance, &read) {
                self.rows.push(instance);
                self.read.push(read);
            } else {
                self.books.strike(read.booked, self.generation);
                removed.insert(instance.id.clone());
            }
        }
        self.index = self.rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
        self.aliases.retain(|_, row| !removed.contains(row));
        self.forget(&removed);
        removed
    }

    /// What both sources say of a row in the same words is one text: the id, the address, the computer's own name.
    fn share_agent(&self, place: usize, record: &mut AgentRecord) {
        let row = &self.rows[place];
        share(record.id.text_mut(), [row.id.text()]);
        record.source_id.iter_mut().for_each(|text| share(text, [row.id.text()]));
        let Some(machine) = row.machine.seen() else { return };
        let names = || [&machine.private_ip, &machine.private_dns].into_iter().flatten();
        [&mut record.ip, &mut record.computer_name]
            .into_iter()
            .flatten()
            .for_each(|text| share(text, names()));
    }

    /// The same where the other source came first.
    fn share_machine(&self, place: usize, record: &mut MachineRecord) {
        let row = &self.rows[place];
        share(record.id.text_mut(), [row.id.text()]);
        let Some(agent) = row.agent.seen() else { return };
        let names = || [&agent.ip, &agent.computer_name].into_iter().flatten();
        let own = [&mut record.private_ip, &mut record.private_dns];
        own.into_iter().flatten().for_each(|text| share(text, names()));
    }

    fn intern(&mut self, text: &mut Option<Text>) {
        if let Some(text) = text {
            self.intern_text(text);
        }
    }

    fn intern_text(&mut self, text: &mut Text) {
        match self.pool.get(text) {
            Some(held) => *text = held.clone(),
            None => {
                self.pool.insert(text.clone());
            }
        }
    }

    /// Shares the texts that thousands of rows repeat; what is a row's own stays its own.
    fn intern_agent(&mut self, record: &mut AgentRecord) {
        for text in [
            &mut record.agent_version,
            &mut record.platform_name,
            &mut record.platform_version,
            &mut record.resource_type,
            &mut record.source_type,
            &mut record.activation_id,
            &mut record.iam_role,
            &mut record.association_status,
        ] {
            self.intern(text);
        }
        if let Some(properties) = &mut record.properties {
            for text in [
                &mut properties.instance_role,
                &mut properties.instance_type,
                &mut properties.key_name,
                &mut properties.architecture,
                &mut properties.zone,
            ] {
                self.intern(text);
            }
        }
        self.intern_tags(&mut record.tags);
    }

    fn intern_machine(&mut self, record: &mut MachineRecord) {
        for text in [
            &mut record.state_reason,
            &mut record.profile_arn,
            &mut record.instance_type,
            &mut record.zone,
            &mut record.vpc,
            &mut record.subnet,
            &mut record.platform_details,
            &mut record.architecture,
            &mut record.image,
            &mut record.key_name,
            &mut record.account,
            &mut record.lifecycle,
        ] {
            self.intern(text);
        }
        for group in &mut record.security_groups {
            self.intern_text(group);
        }
        self.intern_tags(&mut record.tags);
    }

    fn intern_tags(&mut self, tags: &mut [super::Tag]) {
        for tag in tags {
            self.intern_text(&mut tag.key);
            if &*tag.key != "Name" {
                self.intern_text(&mut tag.value);
            }
        }
    }
}

/// Makes a text the same as one of those that say the same.
fn share<'a>(text: &mut Text, others: impl IntoIterator<Item = &'a Text>) {
    if let Some(same) = others.into_iter().find(|other| *other == text) {
        *text = same.clone();
    }
}

/// No source lists it any more.
fn is_unlisted(instance: &Instance) -> bool {
    instance.agent.seen().is_none() && instance.machine.seen().is_none()
}

/// Of two registrations of one machine, the one that a session should go to: the one that beats, then
/// the one that beat last, then the hybrid one.
fn is_better(one: &AgentRecord, two: &AgentRecord) -> bool {
    let rank =
        |record: &AgentRecord| (record.ping == Some(Ping::Online), record.last_ping, record.id.is_hybrid());
    rank(one) > rank(two)
}

#[cfg(test)]
mod tests;
