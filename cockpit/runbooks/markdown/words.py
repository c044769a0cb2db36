"""The wording of runbooks: what a heading, a bold line or the first word of an instruction says it is for."""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import NamedTuple

from cockpit.model.runbook import Part
from cockpit.runbooks.markdown.inline import plain
from cockpit.runbooks.markdown.remembered import remembered


class Role(enum.Enum):
    """What stands under a heading or bold line."""

    SYMPTOMS = "symptoms"
    CAUSES = "causes"
    DIAGNOSIS = "diagnosis"
    RESOLUTION = "resolution"
    VERIFICATION = "verification"
    ESCALATION = "escalation"
    COMMUNICATION = "communication"
    STEPS = "steps"
    META = "meta"  # owner, version, last updated: nothing to do

    @property
    def part(self) -> Part | None:
        """The part that steps under it belong to."""
        return _PARTS.get(self)


_PARTS = {
    Role.DIAGNOSIS: Part.DIAGNOSIS,
    Role.RESOLUTION: Part.RESOLUTION,
    Role.CAUSES: Part.RESOLUTION,
    Role.VERIFICATION: Part.VERIFICATION,
    Role.ESCALATION: Part.ESCALATION,
    Role.COMMUNICATION: Part.COMMUNICATION,
    Role.STEPS: Part.OTHER,
}


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{words})$")


# In this order: "causes & solutions" lists causes, "verify the fix" verifies.
_VOCABULARY = (
    (
        Role.SYMPTOMS,
        _pattern(
            r"symptoms?|signs?|signals?|indicators?|triggers?|triggered|alerts?|detection|scenario|problem|impact|meaning"
            r"|symptomes?|sintomas?|ausloser|auswirkung\w*|anzeichen|erkennung|impacto|deteccion|deteccao|declencheurs?"
        ),
    ),
    (Role.CAUSES, _pattern(r"causes?|reasons?|ursachen?|causas?|raisons?")),
    (Role.ESCALATION, _pattern(r"escalat\w+|eskal\w+|escalad\w*|escalon\w+|escalam\w+|escalac\w+")),
    (Role.COMMUNICATION, _pattern(r"communicat\w+|comms|notif\w+|announce\w*|inform|stakeholders?|report(?:ing)?")),
    (
        Role.VERIFICATION,
        _pattern(r"verif\w+|validat\w+|confirm\w*|post-?checks?|validierung|kontrolle|bestatig\w+|comprob\w+"),
    ),
    (
        Role.DIAGNOSIS,
        _pattern(
            r"diagnos\w+|investigat\w+|assess\w*|triage|checks?|inspect\w*|analy[sz]\w*|troubleshoot\w*|debug\w*|identify"
            r"|find\w*|uberpruf\w+|prufung|untersuch\w+|investig\w+|evaluation"
        ),
    ),
    (
        Role.RESOLUTION,
        _pattern(
            r"resol\w+|mitigat\w+|solutions?|solv\w+|fix|fixes|fixing|actions?|remed\w+|recover\w*|contain\w*|restor\w+"
            r"|repairs?|workarounds?|responses?|respond|isolat\w+|eradicat\w+|remediat\w+|do|dont|behebung|losung\w*|massnahmen?|abhilfe|wiederherstell\w+|soluc\w+"
            r"|soluca\w+|mitigac\w+|recuper\w+|acoes|acciones|correction"
        ),
    ),
    (Role.STEPS, _pattern(
    r"steps?|procedures?|instructions?|tasks?|process|commands?|runbook|playbook|checklist|schritte?|schritt-fur-schritt-anleitung|anleitung|vorgehen|ablauf|etapes?|passos?|pasos?|procedimentos?|procedimientos?"
    r"|checkliste")),
)  # fmt: skip
# Scripts without spaces between words: the whole text is looked up.
_WHOLE = {
    **dict.fromkeys(("现象", "症状", "問題現象", "故障现象", "증상"), Role.SYMPTOMS),
    **dict.fromkeys(("原因", "원인"), Role.CAUSES),
    **dict.fromkeys(("解决", "解决方案", "解决方法", "处理", "処置", "対応", "対処", "해결"), Role.RESOLUTION),
    **dict.fromkeys(("诊断", "排查", "調査", "确认", "確認", "진단"), Role.DIAGNOSIS),
    **dict.fromkeys(("验证", "検証", "검증"), Role.VERIFICATION),
    **dict.fromkeys(("升级", "上报", "エスカレーション"), Role.ESCALATION),
    **dict.fromkeys(("步骤", "手順", "절차"), Role.STEPS),
}
_FILLER = _pattern(
    r"steps?|actions?|common|possible|likely|potential|probable|typical|known|immediate(?:ly)?|initial|first|second"
    r"|third|next|last|final|quick|fast|short|long|short-term|long-term|term|manual|manually|automated|automatic"
    r"|emergency|and|or|the|an?|of|for|to|how|procedures?|process|plan|options?|guide|instructions?|playbook|tasks?"
    r"|phase|stage|root|issue|problem|incident|this|it|that|now|minutes?|mins?|hours?|seconds?|\d+|path|policy|matrix"
    r"|with|by|in|on|out|where|what|do|not|if|needed|optional|required|recommended|detailed|general|additional|further|more"
    r"|other|technical|internal|external|key|basic|preliminary|summary|cause|analysis|post-?mortem|review|team"
    r"|when|you|see|observed|user|business|customer|service|immediately|prevention|details|level|part|info(?:rmation)?"
    r"|der|die|das|des|fur|und|von|im|la|le|les|du|de|et|en|el|los|no|na|da|dos|e|y|rapides?|initiale?|erste|mogliche"
    r"|associe?es|possibles?|wann|brauche|ich|woran|erkenne|erfolg|befehle|slo|scenarios?"
)
_META = re.compile(
    r"(?:last\s+(?:updated|reviewed|modified|tested)|updated|version|author|owner|owned\s+by|maintain\w*(?:\s+by)?"
    r"|date|audience|status|severity|priority|review\s+\w+|next\s+review|document\s+\w+|created|team|tags?|estimated\s+time"
    r"|time\s+to\s+\w+|rto|rpo|sla|note|notes|expected(?:\s+\w+)?|example(?:\s+\w+)?|output|scope|duration|downtime|overview|description|summary|purpose|background|introduction|metadat\w+"
    r"|resultat\s+attendu|erwartete\w*\s+\w+(?:\s+fur\s+erfolg)?|on-?call|service|alert\s+(?:id|name)"
    r"|component|for\s+duration|risco|risk|tempo|dauer)$",
    re.IGNORECASE,
)
_SEEN = re.compile(
    r"what\s+(?:you|users?|customers?|clients?|we)\s+(?:will\s+|may\s+)?(?:see|notice|observe|experience|report)\w*$"
    r"|how\s+(?:it|this)\s+(?:looks|shows)(?:\s+like)?$|how\s+to\s+(?:recogni[sz]e|spot)(?:\s+it|\s+this)?$",
    re.IGNORECASE,
)
_ORDINAL = r"step|phase|stage|schritt|[ée]tape|passo|paso"
_NUMBERING = re.compile(
    rf"(?:(?:{_ORDINAL}|part|scenario)\s+)?(?:\d{{1,3}}(?:\.\d{{1,3}}){{0,4}}[.):]?|[a-zA-Z][.)])\s*[-–—:]?\s+", re.I
)
_STEP_WORD = re.compile(rf"(?:{_ORDINAL})\s+(?:\d{{1,3}}|[a-z])\b\s*[-–—:.)]?\s*", re.IGNORECASE)
_NUMBER = re.compile(rf"(?:(?:{_ORDINAL}|part)\s+)?(\d{{1,3}}(?:\.\d{{1,3}}){{0,4}})(?=[.):\s-])", re.IGNORECASE)
_ICONS = re.compile(r"^[^\w\"'<(\[{$./#@`*-]+")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_WORD = re.compile(r"[a-z0-9][a-z0-9'-]*")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]{0,80}\}\s*$")  # "## Checks {#checks}"
_CONDITION = re.compile(
    r"(?:if|when(?:ever)?|in\s+case|unless|only\s+if|only\s+when|as\s+long\s+as|should)\b", re.IGNORECASE
)
_MAY_DEPEND = re.compile(r"\b(?:if|when|unless|in case)", re.IGNORECASE)
_CLAUSE = re.compile(r"((?:if|when(?:ever)?|in case(?: of)?|unless|only if)\b[^,:;]{2,100})[,:;]", re.IGNORECASE)
_TRAILING = re.compile(
    r"(?<!check )(?<!see )(?<!verify )(?<!confirm )(?<!determine )(?<!find out )(?<!test )(?<!ask )"
    r"\b((?:only )?(?:if|unless)\s[^.;:,()]{3,80})\)?\.?$",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"(?:please\s+)?(?:do\s+not|don['’]t|never|avoid|must\s+not)(?:\s+do(?:\s+this)?|\s+ever)?$", re.IGNORECASE
)
_BOLD = re.compile(
    r"\s*(?P<m>\*\*|__)(?P<lead>(?:(?!(?P=m)).){1,200})(?P=m)(?P<remark>\s*\([^()]{1,100}\))?\s*"
    r"(?P<colon>[:\uff1a])?(?P<rest>.*)$",
    re.S,
)
_LEAD = re.compile(r"(?P<lead>[^:\uff1a`|<>]{2,80})[:\uff1a](?:\s+(?P<rest>.*))?$", re.S)


_LONGEST = 2000


class Label(NamedTuple):
    """A line that says what follows: "**Symptoms:**", "If the API is down:", "**Escalation**: if not fixed ..."."""

    lead: str  # plain, without the colon
    rest: str  # as written, "" where the line ends there
    bold: bool


def label(text: str) -> Label | None:
    """The label that a line of text is, or begins with; None for plain prose."""
    if ":" not in text and "**" not in text and "__" not in text and "\uff1a" not in text:
        return None
    return _label(text.strip()[:_LONGEST])


@remembered
def _label(text: str) -> Label | None:
    if found := _BOLD.match(text):
        lead = plain(found["lead"]).strip()
        closed = bool(found["colon"]) or lead.endswith((":", "\uff1a"))
        rest = found["rest"].strip()
        dashed = not closed and rest.startswith(("- ", "– ", "— "))
        if closed or dashed or not rest:
            lead = lead.rstrip(":\uff1a .") + f" {plain(found['remark'] or '')}"
            return Label(" ".join(lead.split()), rest[2:] if dashed else rest, True)
        return None
    found = _LEAD.match(text)
    if found is None or "://" in text[: found.end("lead") + 3]:
        return None
    lead, rest = plain(found["lead"]).strip(), (found["rest"] or "").strip()
    if len(lead.split()) > 12 or (rest and role_of(lead) is None):
        return None
    return Label(lead, rest, False)


@remembered
def core(text: str) -> str:
    """A heading without its number, icon and bracketed remarks."""
    text = _ICONS.sub("", _ATTRIBUTES.sub("", plain(text))).strip()
    stripped = _NUMBERING.sub("", text, count=1) if _NUMBERING.match(text) else text
    return _ICONS.sub("", stripped).strip().rstrip(":.").strip() or text


def number_of(text: str) -> str:
    """ "2.1" of "2.1 Restart", "3" of "Step 3: ...", "" where it has none."""
    found = _NUMBER.match(_ICONS.sub("", plain(text)).strip())
    return found[1] if found else ""


def is_step_heading(text: str) -> bool:
    """ "Step 2: ...", "Phase 1 - ..."."""
    return _STEP_WORD.match(_ICONS.sub("", plain(text)).strip()) is not None


def folded(text: str) -> str:
    """Without accents: "Résolution" as "Resolution", "Prüfung" as "Prufung"; other scripts as they are."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return unicodedata.normalize("NFC", "".join(each for each in apart if not unicodedata.combining(each)))


@remembered
def role_of(text: str) -> Role | None:
    """What a heading or label announces, where all of its words are such words; None otherwise."""
    text = folded(_BRACKETS.sub(" ", core(text)).strip())
    if found := _WHOLE.get(text):
        return found
    if _META.match(text):
        return Role.META
    if _SEEN.match(text):
        return Role.SYMPTOMS
    words = _WORD.findall(text.lower().replace("’", "'").replace("don't", "do not"))
    if not words or len(words) > 8:
        return None
    roles = [next((role for role, pattern in _VOCABULARY if pattern.match(word)), None) for word in words]
    if not all(role or _FILLER.match(word) for role, word in zip(roles, words, strict=True)):
        return None
    present = {role for role in roles if role}
    if Role.RESOLUTION in present and Role.SYMPTOMS in present:
        present.discard(Role.SYMPTOMS)  # "alert response", "problem resolution"
    return next((role for role, _ in _VOCABULARY if role in present), None)


def is_condition(text: str) -> bool:
    """ "If the API is down"."""
    return _CONDITION.match(text) is not None


def forbids(text: str) -> bool:
    """ "DO NOT": what follows must not be done."""
    return _FORBIDS.match(text.strip(" !")) is not None


@remembered
def condition_of(text: str) -> str:
    """The clause that an instruction depends on: "If abuse, block the user", "Scale up if needed"."""
    if not _MAY_DEPEND.search(text):
        return ""
    found = _CLAUSE.match(text[:300]) or _TRAILING.search(text[:300])
    return found[1].strip() if found else ""
