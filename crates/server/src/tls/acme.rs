//! Certificates from an authority that speaks ACME (RFC 8555): ordered, proved by TLS-ALPN-01 (RFC 8737), kept in the data folder.
//!
//! Runs on the thread that looks after certificates, with a runtime of its own. Does not know connections: the proof is a
//! certificate that the resolver shows to whoever asks for it.

mod challenges;
mod store;

pub(super) use challenges::Challenges;
pub(super) use store::Store;

use crate::settings::Settings;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;

/// Orders certificates for the domains that the settings name.
pub(crate) struct Acme {
    domains: Vec<String>,
    contact: Option<String>,
    directory: String,
    root: Option<std::path::PathBuf>,
    challenges: Arc<Challenges>,
    store: Store,
    /// Orders that failed, one after the other.
    failures: u32,
    /// Seconds since 1970 before which nothing is ordered.
    not_before_s: u64,
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// The authority or the way to it.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// The authority has no use for what can be proved here.
    #[error("{0}")]
    Refused(String),
    /// The data folder.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// It went on for too long.
    #[error("the authority has not answered within {} minutes", ORDER_TIMEOUT.as_secs() / 60)]
    TimedOut,
}

/// How long an order may take, from its beginning to the certificate.
const ORDER_TIMEOUT: Duration = Duration::from_mins(5);

/// After an order that failed the next one waits for this long, then twice as long, and so on up to the other: authorities count.
const RETRY_MIN_S: u64 = 60;
const RETRY_MAX_S: u64 = 6 * 3_600;

impl Acme {
    /// `None` where the settings name no domain.
    pub(super) fn new(settings: &Settings, challenges: Arc<Challenges>) -> Option<Acme> {
        let domains = settings.acme_domains.clone();
        (!domains.is_empty()).then(|| Acme {
            domains,
            contact: settings.acme_contact.clone(),
            directory: settings.acme_directory.clone(),
            root: settings.acme_ca_file.clone(),
            challenges,
            store: Store::of(settings),
            failures: 0,
            not_before_s: 0,
        })
    }

    /// Orders a certificate if one is due. Says whether there is a new one. To be called inside a runtime; may be dropped at any
    /// time, and then begins anew.
    pub(crate) async fn look(&mut self, now_s: u64) -> bool {
        if now_s < self.not_before_s || !self.store.is_due(&self.domains, now_s) {
            return false;
        }
        log::info!("ACME: a certificate for {} is ordered from {}", self.domains.join(", "), self.directory);
        let ordered = match tokio::time::timeout(ORDER_TIMEOUT, self.order()).await {
            Ok(ordered) => ordered,
            Err(_elapsed) => Err(AcmeError::TimedOut),
        };
        self.challenges.clear();
        match &ordered {
            // Authorities count what they issue, too.
            Ok(()) if self.store.is_due(&self.domains, now_s) => {
                let wait_s = self.wait(now_s);
                log::error!(
                    "ACME: the new certificate is due for renewal already: is the clock of this machine right? The next one is \
                     ordered in {} minutes",
                    wait_s / 60
                );
            }
            Ok(()) => self.failures = 0,
            Err(error) => {
                let wait_s = self.wait(now_s);
                log::error!(
                    "ACME: there is no new certificate: {error}; tried again in {} minutes",
                    wait_s / 60
                );
            }
        }
        ordered.is_ok()
    }

    /// Lets time pass before the next order, more after each one that came to nothing. Seconds.
    fn wait(&mut self, now_s: u64) -> u64 {
        let wait_s = RETRY_MAX_S.min(RETRY_MIN_S << self.failures.min(16));
        self.failures += 1;
        self.not_before_s = now_s + wait_s;
        wait_s
    }

    async fn order(&self) -> Result<(), AcmeError> {
        match self.order_as(self.account().await?).await {
            Err(AcmeError::Authority(error)) if is_of_unknown_account(&error) => {
                log::warn!("ACME: the authority does not know the account any more: a new one is made");
                self.store.forget_account()?;
                self.order_as(self.account().await?).await
            }
            ordered => ordered,
        }
    }

    async fn order_as(&self, account: Account) -> Result<(), AcmeError> {
        let names: Vec<_> = self.domains.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&names)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or_else(|| {
                AcmeError::Refused(
                    "the authority does not offer TLS-ALPN-01, the only proof that tidings can give"
                        .to_owned(),
                )
            })?;
            let name = challenge.identifier().to_string();
            self.challenges
                .add(&name, challenge.key_authorization().digest().as_ref())
                .map_err(AcmeError::Refused)?;
            challenge.set_ready().await?;
        }
        let patience = RetryPolicy::default().timeout(ORDER_TIMEOUT);
        match order.poll_ready(&patience).await? {
            OrderStatus::Ready | OrderStatus::Valid => {}
            OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Invalid => {
                return Err(AcmeError::Refused(self.refusal()));
            }
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&patience).await?;
        Ok(self.store.keep(&chain, &key)?)
    }

    fn refusal(&self) -> String {
        format!(
            "the authority could not reach this server: each of {} must lead to an address whose port 443 is (or is passed on to) \
             `tls_listen`",
            self.domains.join(", ")
        )
    }

    async fn account(&self) -> Result<Account, AcmeError> {
        let builder = || match &self.root {
            None => Account::builder(),
            Some(root) => Account::builder_with_root(root),
        };
        if let Some(credentials) = self.store.account(&self.directory) {
            return Ok(builder()?.from_credentials(credentials).await?);
        }
        let contact = self
            .contact
            .as_ref()
            .map(|contact| if contact.contains(':') { contact.clone() } else { format!("mailto:{contact}") });
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder()?.create(&new, self.directory.clone(), None).await?;
        self.store.keep_account(&self.directory, &credentials)?;
        Ok(account)
    }
}

fn is_of_unknown_account(error: &instant_acme::Error) -> bool {
    const UNKNOWN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
    matches!(error, instant_acme::Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN))
}
